import { execFile } from 'node:child_process'
import type { Finding } from '../../stages/define.ts'
import { surveyMachine } from '../run/machine.ts'
import { byteText } from '../util/byte-size.ts'

/** Major version of CUDA that the torch of our locks is built for. */
const TORCH_CUDA = 13

/** Node, processors and memory, graphics cards with their driver, Slurm. */
export async function examineMachine(): Promise<readonly Finding[]> {
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
    await examineSlurm(),
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

async function examineSlurm(): Promise<Finding> {
  const version = await output('sbatch', '--version')
  const message = version === undefined ? 'there is none; all stages run here' : version.trim()
  return { name: 'Slurm', status: 'ok', message }
}

function output(program: string, ...words: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, words, { timeout: 30_000, killSignal: 'SIGKILL' }, (error, stdout) =>
      resolve(error ? undefined : stdout),
    )
  })
}
