import { execFile } from 'node:child_process'

const ANSWER_MS = 60_000
const MOST_BYTES = 1 << 30

/** What git said in place of an answer, in its own words. */
export class GitError extends Error {}

/**
 * Asks git a question in a folder; answers what it printed. Nothing that the repository configures is executed, nothing
 * of it is written, nothing is fetched. Words from outside must follow `--end-of-options`.
 */
export function askGit(folder: string, words: readonly string[], input?: string): Promise<Buffer> {
  // A repository of a stranger may name programs to be run as hooks or to watch files.
  const safe = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '--no-pager', '--literal-pathspecs']
  const env = {
    ...process.env,
    LC_ALL: 'C',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_LAZY_FETCH: '1',
  }
  const options = { cwd: folder, env, encoding: 'buffer', maxBuffer: MOST_BYTES, timeout: ANSWER_MS } as const
  return new Promise((resolve, reject) => {
    const child = execFile('git', [...safe, ...words], options, (error, stdout, stderr) => {
      if (!error) resolve(stdout)
      else if (error.code === 'ENOENT') reject(new GitError('there is no git on the PATH'))
      else reject(new GitError(stderr.toString('utf8').trim().split('\n')[0] || error.message))
    })
    // What ended before it had read all of it has said why.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input ?? '')
  })
}
