import { appendFileSync } from 'node:fs'
import { register } from 'node:module'

// Notes the address of every module that a process loads in the file that LOADED_MODULES names.
register(
  `data:text/javascript,${encodeURIComponent(`
    import { appendFileSync } from 'node:fs'
    export async function load(url, context, next) {
      appendFileSync(${JSON.stringify(process.env.LOADED_MODULES)}, url + '\\n')
      return next(url, context)
    }`)}`,
)
appendFileSync(process.env.LOADED_MODULES, '')
