import { describe, expect, it } from 'vitest'
import { ANALYZERS, analyze as analyzeWith } from '../../../stages/text/analyze.ts'
import { porterStem } from '../../../stages/text/porter.ts'

const EXAMPLES = `
  caresses:caress ponies:poni ties:ti caress:caress cats:cat feed:feed agreed:agre plastered:plaster bled:bled
  motoring:motor sing:sing conflated:conflat troubled:troubl sized:size hopping:hop tanned:tan falling:fall
  hissing:hiss fizzed:fizz failing:fail filing:file happy:happi sky:sky relational:relat conditional:condit
  rational:ration digitizer:digit conformably:conform radically:radic differently:differ vilely:vile
  analogously:analog vietnamization:vietnam predication:predic operator:oper feudalism:feudal decisiveness:decis
  hopefulness:hope callousness:callous formality:formal sensitivity:sensit sensibility:sensibl triplicate:triplic
  formative:form formalize:formal electrical:electr goodness:good revival:reviv allowance:allow inference:infer
  airliner:airlin gyroscopic:gyroscop adjustable:adjust defensible:defens irritant:irrit replacement:replac
  adjustment:adjust dependent:depend adoption:adopt homologou:homolog communism:commun activate:activ
  effective:effect bowdlerize:bowdler probate:probat rate:rate cease:ceas controll:control roll:roll
  possibly:possibl archaeology:archaeolog generalizations:gener oscillators:oscil yes:ye is:is ies:i eed:eed
  eeds:eed
`

describe('porterStem', () => {
  // The examples of Porter's paper taken through all steps, his later rules, and words that are suffix only.
  it("gives what Porter's own program gives", () => {
    const examples = EXAMPLES.trim()
      .split(/\s+/)
      .map((example) => example.split(':'))
    expect(examples.map(([word]) => [word, porterStem(word as string)])).toEqual(examples)
  })
})

describe('lucene-english', () => {
  const analyze = (text: string): string[] => analyzeWith(ANALYZERS['lucene-english'], text)

  it('removes possessives and stop words, folds case and stems', () => {
    expect(analyze("The Dogs' owner and the DOG’S bowls: it's not John's")).toEqual([
      'dog',
      'owner',
      'dog',
      'bowl',
      'john',
    ])
  })

  it('lowers each character by itself', () => {
    expect(analyze('ΣΑΣ İzmir')).toEqual(['σασ', 'izmir'])
  })

  it('keeps repeats and digits', () => {
    expect(analyze('p53 p53 1,000 cells')).toEqual(['p53', 'p53', '1,000', 'cell'])
  })
})
