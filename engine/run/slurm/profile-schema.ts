import type { OptionsSchema } from '../../../stages/define.ts'
import { DURATION_PATTERN } from '../../parse/duration.ts'
import { BYTE_SIZE_PATTERN } from '../../util/byte-size.ts'

const text = (description: string): OptionsSchema => ({ type: 'string', minLength: 1, description })
const texts = (description: string): OptionsSchema => ({
  type: 'array',
  items: { type: 'string', minLength: 1 },
  description,
})

/** What may be said for all stages, and for one. */
const PLACE: { readonly [name: string]: OptionsSchema } = {
  executor: {
    enum: ['slurm', 'local'],
    description: 'Where stages run whose `executor` the pipeline does not say. Default: slurm.',
  },
  partition: text('Partition of the jobs. Default: that of the cluster.'),
  account: text('Account that is charged.'),
  qos: text('Quality of service.'),
  constraint: text('Features that nodes must have, as `sbatch --constraint` reads it.'),
  time: {
    type: 'string',
    pattern: DURATION_PATTERN,
    expects: 'a time span such as 30m, 4h or 2d',
    description:
      'Longest time of a job, its waiting not counted; `timeout` of a stage wins. Slurm counts whole minutes.',
  },
  memory: {
    type: 'string',
    pattern: BYTE_SIZE_PATTERN,
    expects: 'an amount of memory such as 512MB or 8GiB',
    description: 'Memory of a job whose stage says none in `resources`. Default: that of the cluster.',
  },
  gpus: {
    type: 'string',
    pattern: '\\{count\\}',
    expects: 'an option of sbatch with `{count}` in it',
    description: 'How cards are asked for. Default: `--gres=gpu:{count}`.',
  },
  shards: {
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    description:
      'Tasks, at most, that the requests of a `generate` stage, or the passages that others have encoded, are cut into. Default: 8.',
  },
  at_once: {
    type: 'integer',
    minimum: 1,
    description: 'How many of these tasks may run at once. Default: as many as the cluster has room for.',
  },
  options: texts('Further options of `sbatch`, one an item, such as `--exclusive`.'),
}

/** Form of a profile: a file that says how a cluster is used, and nothing of what is computed. */
export const PROFILE_SCHEMA: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...PLACE,
    shared_folder: text(
      'Folder for the files of jobs, which all nodes see under the same path. Default: `slurm` in the store.',
    ),
    visible: texts('Further folders that all nodes see under the same path: what lies there is not copied for jobs.'),
    modules: texts('Environment modules that are loaded ahead of a stage.'),
    before: texts('Lines of the shell that run ahead of a stage, after the modules.'),
    node: text('The program `node` on the nodes. Default: the one that runs queryloom.'),
    queryloom: text('The folder that queryloom is installed in on the nodes. Default: the one here.'),
    stages: {
      type: 'object',
      description: 'What else holds for a stage, by its name in the pipeline.',
      additionalProperties: { type: 'object', additionalProperties: false, properties: PLACE },
    },
  },
}
