import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { openToolsCache } from '../../cache/tools-cache.ts'
import { freePort } from '../../engine/util/free-port.ts'
import { temporaryFolder } from './temporary.ts'

const VERSION = 'v1.8.0'
const BUCKET = 'shared'

/** What clients of the server need in their environment. */
export const CREDENTIALS: { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string } = {
  AWS_ACCESS_KEY_ID: 'test-access',
  AWS_SECRET_ACCESS_KEY: 'test-secret-of-the-server',
}

/** A real server that speaks S3, over a folder: an object is the file of its name. */
export interface S3Server {
  endpoint: string
  bucket: string
  /** Folder of the bucket's objects. */
  objects: string
  kill(): Promise<void>
  /** The same folder at the same address. */
  restart(): Promise<void>
  /** Answers nothing from now on, and keeps connections open. */
  suspend(): void
  resume(): void
}

/** Why there is no server here; undefined if there can be one. */
export const noServer: string | undefined = ((): string | undefined => {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'the S3 server of these tests is built with go, which is not installed'
  }
})()

if (noServer !== undefined) process.stderr.write(`skipped: ${noServer}\n`)

/** Starts the server on a free port; it ends with the test. It is built once a machine, which takes a minute or two. */
export async function s3Server(root: string = temporaryFolder()): Promise<S3Server> {
  const program = join(await built(), 'versitygw')
  const objects = join(root, BUCKET)
  mkdirSync(objects, { recursive: true })
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  let child: ChildProcess
  const start = async (): Promise<void> => {
    const { AWS_ACCESS_KEY_ID: access, AWS_SECRET_ACCESS_KEY: secret } = CREDENTIALS
    const words = ['-q', '-a', access, '-s', secret, '-p', `127.0.0.1:${port}`, 'posix', root]
    child = spawn(program, words, { stdio: 'ignore' })
    // Who answers while it is over is somebody else.
    while (!(await answers(endpoint)) || child.exitCode !== null) {
      if (child.exitCode !== null) throw new Error(`the S3 server ended with status ${child.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  await start()
  onTestFinished(kill)
  return {
    endpoint,
    bucket: BUCKET,
    objects,
    kill,
    restart: start,
    suspend: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  }
}

function built(): Promise<string> {
  const cache = openToolsCache(join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'queryloom-test'))
  return cache.getOrBuild('versitygw', VERSION, async (folder) => {
    await promisify(execFile)('go', ['install', `github.com/versity/versitygw/cmd/versitygw@${VERSION}`], {
      env: { ...process.env, CGO_ENABLED: '0', GOBIN: folder, GOFLAGS: '-buildvcs=false' },
    })
  })
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    await fetch(endpoint, { signal: AbortSignal.timeout(1000) })
    return true
  } catch {
    return false
  }
}
