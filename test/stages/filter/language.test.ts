import { describe, expect, it } from 'vitest'
import { filter } from '../../../stages/filter/stage.ts'
import { LANGUAGES } from '../../../stages/text/language.ts'
import { checkedOptions } from '../../rig/stage.ts'
import { kept, pair, runSteps, stepOf } from './rows.ts'

describe('language', () => {
  const rows = [
    pair('en', 'tea', 'how long should green tea steep'),
    pair('de', 'tea', 'wie lange muss grüner Tee ziehen'),
    pair('fr', 'tea', 'combien de temps infuser le thé vert'),
    pair('zh', 'tea', '绿茶要泡多久'),
    pair('none', 'tea', '42 / 7'),
  ]

  it('keeps queries in the languages, and what has no letters', async () => {
    const result = await runSteps([{ language: { is: 'en' } }], rows)
    expect(kept(result)).toEqual(['en', 'none'])
    expect(stepOf(result)).toMatchObject({ undecided: 1, dropped_languages: { de: 1, fr: 1, zh: 1 } })
    expect(result.rows('rejected', 'pairs.jsonl')[0]).toMatchObject({ reason: 'language', detail: 'de' })
    expect(kept(await runSteps([{ language: { is: ['de', 'zh'] } }], rows))).toEqual(['de', 'zh', 'none'])
  })

  it('gives names and loan-words the benefit of the doubt, unless told otherwise', async () => {
    const names = [pair('1', 'tea', 'transgender gondolier')]
    expect(kept(await runSteps([{ language: { is: 'en' } }], names))).toEqual(['1'])
    expect(kept(await runSteps([{ language: { is: 'en', at_least: 1 } }], names))).toEqual([])
  })

  it('refuses a language that it can not tell', () => {
    expect(() => checkedOptions(filter, { pairs: 'x', steps: [{ language: { is: ['en', 'english'] } }] })).toThrow(
      'steps/0/language/is: no language is known as "english"',
    )
  })
})

it('knows the languages that the detector tells apart', async () => {
  const { eld } = await import('eld/small')
  expect(Object.values(eld.info().Languages).sort()).toEqual([...LANGUAGES])
})
