import type { AnyStageDefinition, Registry } from '../../stages/define.ts'
import { OPTION_HEAD, optionRows } from './option-rows.ts'

/** The reference of stage types, written from their definitions. */
export function stageReference(registry: Registry): string {
  const parts = [
    '# Stage types',
    '',
    'Written from the definitions in `stages/`; a test holds it equal to them. Options marked *free* are no part of a key:',
    'changing them reruns nothing.',
  ]
  for (const definition of Object.values(registry.stages)) parts.push('', ...stageSection(definition))
  return `${parts.join('\n')}\n`
}

function outputsOf({ outputs }: AnyStageDefinition): string {
  const words = (kinds: object): string =>
    Object.entries(kinds)
      .map(([name, kind]) => (name === kind ? `\`${name}\`` : `\`${name}\` (${kind})`))
      .join(', ')
  if (typeof outputs !== 'function') return words(outputs)
  try {
    return `${words(outputs({} as never))}, and what its options ask for`
  } catch {
    return 'as declared'
  }
}

function stageSection(definition: AnyStageDefinition): string[] {
  const outputs = outputsOf(definition)
  return [
    `## ${definition.type}`,
    '',
    definition.description,
    '',
    `Outputs: ${outputs}. Version ${definition.version}.`,
    '',
    ...OPTION_HEAD,
    ...optionRows(definition.options),
  ]
}
