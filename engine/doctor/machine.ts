import { execFile } from 'node:child_process'
import type { Finding } from '../../stages/define.ts'
import { surveyMachine } from '../run/machine.ts'
import { byteText } from '../util/byte-size.ts'

/** Major version of CUDA that the torch of our locks is built for. */
const TORCH_CUDA = 13

/** Node, processors and memory, graphics cards with their driver, and Slurm, which a pipeline may need. */
export async function examineMachine(needsSlurm: boolean): Promise<readonly Finding[]> {
  const { cpus, memory, gpus } = await surveyMachine({ cards: true })
  return [
    { name: 'Node', status: 'ok', message: `${process.version} on ${process.platform} ${process.arch}` },
    { name: 'machine', status: 'ok', message: `${cpus} CPU slots, ${byteText(memory)} of memory` },
    {
      name: 'graphics cards',
      status: 'ok',
      message: gpus.cards.length > 0 ? gpus.found : `${gpus.found}; models run on the processors, only slower`,
    },
    ...(gpus.cards.length > 0 ? [await examineCuda()] : []),
    await examineSlurm(needsSlurm),
  ]
}

async function examineCuda(): Promise<Finding> {
  const name = 'CUDA'
  const found = /CUDA Version: (\d+)\.(\d+)/.exec((await output('nvidia-smi')) ?? '')
  if (!found) return { name, status: 'ok', message: 'nvidia-smi does not tell the version' }
  const version = `${found[1]}.${found[2]}`
  if (Number(found[1]) >= TORCH_CUDA) return { name, status: 'ok', message: `the driver has CUDA ${version}` }
  return {
    name,
    status: 'warning',
    message: `the driver has CUDA ${version}, and torch as it is installed for training needs ${TORCH_CUDA}`,
    advice: 'Install a newer driver. Models served by vLLM follow the installation of vLLM.',
  }
}

async function examineSlurm(isNeeded: boolean): Promise<Finding> {
  const name = 'Slurm'
  const version = (await output('sbatch', '--version'))?.trim()
  if (version === undefined && isNeeded)
    return {
      name,
      status: 'error',
      message: 'stages of this pipeline are jobs of Slurm, and there is no `sbatch` on the PATH',
      advice: 'Run it where jobs are submitted, or without `executor: slurm`.',
    }
  if (version === undefined) return { name, status: 'ok', message: 'there is none; all stages run here' }
  const partitions = await output('sinfo', '--noheader', '--format=%R')
  if (partitions !== undefined)
    return { name, status: 'ok', message: `${version}, partitions ${partitions.trim().split(/\s+/).join(', ')}` }
  return {
    name,
    status: 'warning',
    message: `${version} is installed, and its controller does not answer`,
    advice: 'Look at what `sinfo` says: the cluster may be down, or this machine is none that submits jobs.',
  }
}

function output(program: string, ...words: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, words, { timeout: 30_000, killSignal: 'SIGKILL' }, (error, stdout) =>
      resolve(error ? undefined : stdout),
    )
  })
}
