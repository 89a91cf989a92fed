import { assembleSchema } from '../../parse/schema.ts'
import { ExitStatus } from '../exit-status.ts'
import { printJson } from '../print.ts'

/** `queryloom schema`: the schema that this version checks pipelines by, in standard words. */
export async function schemaCommand(): Promise<ExitStatus> {
  const { registry } = await import('../../../stages/registry.ts')
  printJson(assembleSchema(registry).editor)
  return ExitStatus.ok
}
