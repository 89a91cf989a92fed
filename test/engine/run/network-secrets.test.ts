import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Children } from '../../../engine/run/children.ts'
import { localProcesses } from '../../../engine/run/local-processes.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

test('installers see proxies and indexes with their passwords, and their logs do not', async () => {
  Object.assign(process.env, {
    HTTPS_PROXY: 'http://user:planted%2Fproxy@proxy:3128',
    UV_INDEX_URL: 'https://planted-token@index/simple',
    PIP_NO_INPUT: '1',
  })
  const folder = temporaryFolder()
  const log = join(folder, 'log')
  const processes = await localProcesses({ temporary: folder, children: new Children(folder, 'run-under-test') })
  const say = 'echo "$HTTPS_PROXY $UV_INDEX_URL $PIP_NO_INPUT planted/proxy"'
  await processes.run({ command: ['sh', '-c', say], log, title: 'an installer', network: true })
  expect(readFileSync(log, 'utf8')).toBe('http://user:***@proxy:3128 https://***@index/simple 1 ***\n')
})
