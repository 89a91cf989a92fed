import { unreachable } from '../../engine/util/unreachable.ts'
import { corpusOf } from '../data/inputs.ts'
import type { Json, StageContext, StageInput } from '../define.ts'
import type { CutRule } from './cut.ts'
import type { CutOptions, FilterOptions, FilterStep } from './options.ts'
import { boilerplateStep } from './steps/boilerplate.ts'
import { copiedStep } from './steps/copied.ts'
import { decontaminateStep } from './steps/decontaminate.ts'
import { duplicateStep } from './steps/duplicate.ts'
import { lengthStep } from './steps/length.ts'
import { logprobStep } from './steps/logprob.ts'
import { roundTripStep } from './steps/round-trip.ts'
import { sampleStep } from './steps/sample.ts'
import type { Step } from './steps/step.ts'
import { readThreshold } from './thresholds.ts'

const BREATH = 256

/** Makes the step at index `at` of a filter, with all that it loads. `loadXxh()` must have been awaited. */
export async function makeStep(
  step: FilterStep,
  at: number,
  { options, inputs, signal }: StageContext<FilterOptions>,
): Promise<Step> {
  const onRead = (read: number): void => {
    if (read % BREATH === 0) signal.throwIfAborted()
  }
  const inputAt = (name: string): StageInput | undefined => inputs[`steps/${at}/${name}`]
  const rule = async (name: string, cut: CutOptions): Promise<CutRule> => {
    if (cut.threshold_from === undefined) return cut
    const nth = options.steps.slice(0, at).filter((earlier) => name in earlier).length
    return { threshold: await readThreshold(inputAt(`${name}/threshold_from`), name, nth) }
  }
  if ('length' in step) return lengthStep(step.length)
  if ('copied' in step) return copiedStep(step.copied)
  if ('boilerplate' in step) return boilerplateStep(step.boilerplate, promptTexts(inputAt('boilerplate/prompt')))
  if ('duplicate' in step) return duplicateStep(step.duplicate)
  if ('logprob' in step) return logprobStep(await rule('logprob', step.logprob))
  if ('round_trip' in step) return roundTripStep(step.round_trip, corpusOf(inputs.corpus), onRead)
  if ('decontaminate' in step) {
    const { against } = step.decontaminate
    return decontaminateStep(
      step.decontaminate,
      against.map((_, i) => inputAt(`decontaminate/against/${i}`)),
    )
  }
  if ('sample' in step) return sampleStep(step.sample)
  return unreachable(step)
}

/** Every text of a prompt file: instructions and examples. */
function promptTexts(prompt: StageInput | undefined): string[] {
  const texts: string[] = []
  const collect = (value: Json): void => {
    if (typeof value === 'string') texts.push(value)
    else if (value !== null && typeof value === 'object') Object.values(value).forEach(collect)
  }
  if (prompt?.type === 'prompt') collect(prompt.value)
  return texts
}
