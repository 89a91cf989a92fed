import { corpusOf, inputsAt } from '../data/inputs.ts'
import type { StageContext, StageInput } from '../define.ts'
import type { CutRule } from './cut.ts'
import { lightStep } from './light-step.ts'
import type { CutOptions, FilterOptions, FilterStep } from './options.ts'
import { decontaminateStep } from './steps/decontaminate.ts'
import { judgeStep } from './steps/judge.ts'
import { languageStep } from './steps/language.ts'
import { logprobStep } from './steps/logprob.ts'
import { relabelStep } from './steps/relabel.ts'
import { roundTripStep } from './steps/round-trip.ts'
import { scoreStep } from './steps/score.ts'
import type { Step } from './steps/step.ts'
import { readThreshold } from './thresholds.ts'

/** Makes the step at index `at` of a filter, with all that it loads. `loadXxh()` must have been awaited. */
export async function makeStep(step: FilterStep, at: number, context: StageContext<FilterOptions>): Promise<Step> {
  const { options, inputs } = context
  const light = await lightStep(step, at, (name) => inputs[name])
  if (light) return light
  const inputAt = (name: string): StageInput | undefined => inputs[`steps/${at}/${name}`]
  const rule = async (name: string, cut: CutOptions): Promise<CutRule> => {
    if (cut.threshold_from === undefined) return cut
    const nth = options.steps.slice(0, at).filter((earlier) => name in earlier).length
    return { threshold: await readThreshold(inputAt(`${name}/threshold_from`), name, nth) }
  }
  if ('language' in step) return languageStep(step.language)
  if ('logprob' in step) return logprobStep(await rule('logprob', step.logprob))
  if ('score' in step) return scoreStep(await rule('score', step.score), context, inputAt('score/model'))
  if ('round_trip' in step)
    return roundTripStep(step.round_trip, context, {
      at,
      corpus: corpusOf(inputs.corpus),
      encoders: inputsAt(inputs, `steps/${at}/round_trip/model`),
    })
  if ('judge' in step) return judgeStep(context, `steps/${at}/judge`, step.judge)
  if ('relabel' in step)
    return relabelStep(step.relabel, context, {
      at,
      corpus: corpusOf(inputs.corpus),
      encoders: inputsAt(inputs, `steps/${at}/relabel/model`),
    })
  if ('decontaminate' in step) {
    const { against } = step.decontaminate
    return decontaminateStep(
      step.decontaminate,
      against.map((_, i) => inputAt(`decontaminate/against/${i}`)),
    )
  }
  throw new Error(`no step ${Object.keys(step).join()}`)
}
