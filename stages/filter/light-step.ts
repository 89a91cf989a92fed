import type { Json, StageInput } from '../define.ts'
import type { FilterStep } from './options.ts'
import { boilerplateStep } from './steps/boilerplate.ts'
import { copiedStep } from './steps/copied.ts'
import { duplicateStep } from './steps/duplicate.ts'
import { lengthStep } from './steps/length.ts'
import { sampleStep } from './steps/sample.ts'
import type { Step } from './steps/step.ts'

/**
 * Makes a step that needs no more than the pairs: it can also run while planning. Undefined for any other step.
 * `loadXxh()` must have been awaited.
 */
export async function lightStep(
  step: FilterStep,
  at: number,
  input: (name: string) => StageInput | undefined,
): Promise<Step | undefined> {
  if ('length' in step) return lengthStep(step.length)
  if ('copied' in step) return copiedStep(step.copied)
  if ('boilerplate' in step)
    return boilerplateStep(step.boilerplate, promptTexts(input(`steps/${at}/boilerplate/prompt`)))
  if ('duplicate' in step) return duplicateStep(step.duplicate)
  if ('sample' in step) return sampleStep(step.sample)
  return undefined
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
