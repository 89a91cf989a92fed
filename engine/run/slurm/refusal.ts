import { StageError } from '../../../stages/define.ts'
import type { Job } from '../executor.ts'

const ADVICE: readonly [RegExp, string][] = [
  [/partition/i, '`sinfo -s` lists the partitions; set `partition` in the profile.'],
  [/account/i, '`sacctmgr show associations user=$USER` lists the accounts; set `account` in the profile.'],
  [
    /policy|limit \(|submit limit/i,
    'A limit of the account or QOS is reached: wait, ask for less, or set `qos` in the profile.',
  ],
  [/qos/i, '`sacctmgr show qos` lists them; set `qos` in the profile.'],
  [
    /gres|generic resource/i,
    '`sinfo -o "%N %G"` lists the cards of nodes; `gpus` in the profile says how cards are asked for.',
  ],
  [/feature|constraint/i, '`sinfo -o "%N %f"` lists the features of nodes; set `constraint` in the profile.'],
  [
    /time limit/i,
    'Set `timeout` of the stage, or `time` in the profile, to what the partition allows (`sinfo -o "%P %l"`).',
  ],
  [
    /node configuration|cpu count|memory specification|processors|nodes? count|can ?not be satisfied/i,
    'No node has what `resources` of the stage ask for; `sinfo -o "%N %c %m %G"` lists CPUs, memory in MB and cards.',
  ],
  [/array/i, 'The cluster takes shorter arrays than 1000 tasks (MaxArraySize): ask for fewer tasks.'],
  [/option|unrecognized|invalid/i, 'Look at `options` in the profile: they are handed to sbatch as they are.'],
]

const LAST = 'Batch job submission failed: '

/** What Slurm said no to, as people should be told. */
export function refusalOf(message: string, { title }: Job): StageError {
  const lines = message.split('\n').map((line) => line.replace(/^sbatch: (error: )?/, '').trim())
  // What it ends with, whatever was wrong, is of use where nothing was said ahead of it.
  const more = lines.filter((line) => line !== '' && !line.startsWith(LAST))
  const said = more.length > 0 ? more.join('\n') : lines.join('\n').replace(LAST, '').trim()
  const advice = ADVICE.find(([form]) => form.test(said))?.[1]
  return new StageError(`Slurm refuses the job of ${title}: ${said}`, advice === undefined ? {} : { advice })
}
