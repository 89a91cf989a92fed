import { onTestFinished } from 'vitest'
import { Children } from '../../../../engine/run/children.ts'
import { LocalExecutor } from '../../../../engine/run/jobs/local-executor.ts'
import { localProcesses } from '../../../../engine/run/local-processes.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'
import { conformance } from './conformance.ts'

conformance('local', async () => {
  const folder = temporaryFolder()
  const children = new Children(folder, 'run-under-test')
  const executor = new LocalExecutor({ processes: await localProcesses({ temporary: folder, children }), cpus: 3 })
  onTestFinished(async () => {
    await executor.close()
    await children.close()
  })
  return executor
})
