import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { complete, type PipelineNames } from '../../../engine/cli/completion/complete.ts'
import { COMPLETION_SCRIPTS } from '../../../engine/cli/completion/shells.ts'
import { buildProgram } from '../../../engine/cli/program.ts'
import { packageRoot } from '../../../engine/util/package-root.ts'
import { Project } from '../../rig/project.ts'
import { smallProject } from '../../rig/small-project.ts'
import { temporaryFolder } from '../../rig/temporary.ts'

const names: PipelineNames = {
  stages: () => ['queries', 'queries[density=1]', 'scores'],
  params: () => ['density', 'seed'],
  variants: () => ['density=1', 'density=3'],
}

async function offered(...words: string[]): Promise<string[]> {
  const program = buildProgram('0.0.0', () => {})
  const { candidates, files } = await complete(program, words, () => Promise.resolve(names))
  return [...candidates.map(({ word }) => word), ...(files ? [`:${files}`] : [])]
}

test.each<[string, string[], string[]]>([
  ['a command', ['va'], ['validate']],
  ['a command of a command', ['cache', 'un'], ['untag']],
  ['a pipeline file', ['run', ''], [':files']],
  ['stages once the file is known', ['run', 'p.yaml', 'q'], ['queries', 'queries[density=1]']],
  ['more stages', ['plan', 'p.yaml', 'queries', 's'], ['scores']],
  ['one node only where one is taken', ['explain', 'p.yaml', 'queries', ''], []],
  ['an option', ['plan', 'p.yaml', '--exp'], ['--explain']],
  ['what an option of stages takes', ['run', 'p.yaml', '--force', 's'], ['scores']],
  ['choices of an option', ['graph', 'p.yaml', '--format', ''], ['mermaid', 'dot']],
  ['choices of an argument', ['completion', 'z'], ['zsh']],
  ['what a comparison is of', ['compare', 'last', ''], ['last', 'last~1', 'now', ':files']],
  ['params', ['run', 'p.yaml', '-p', 'd'], ['density=']],
  ['variants', ['run', 'p.yaml', '--only', 'density=3'], ['density=3']],
  ['folders', ['run', 'p.yaml', '--home', ''], [':folders']],
  ['nothing after a value was given', ['run', 'p.yaml', '-j', '4', '--json', 'que'], ['queries', 'queries[density=1]']],
  ['no hidden command', ['complet'], ['completion']],
])('completes %s', async (_, words, expected) => {
  expect(await offered(...words)).toEqual(expected)
})

/** A folder with `queryloom` as it is called, and a pipeline whose data is not there. */
function called(): { folder: string; env: NodeJS.ProcessEnv } {
  const { 'pipeline.yaml': pipeline, 'prompt.yaml': prompt } = smallProject('http://127.0.0.1:9/v1')
  const { folder } = new Project({ 'pipeline.yaml': pipeline as string, 'prompt.yaml': prompt as string })
  const script = `#!/bin/sh\nexec "${process.execPath}" "${join(packageRoot, 'dist/engine/cli/main.js')}" "$@"\n`
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin/queryloom'), script)
  chmodSync(join(folder, 'bin/queryloom'), 0o755)
  return { folder, env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` } }
}

test('in fish, stages are completed while the data of a pipeline is not there, and choices of options', () => {
  const { folder, env } = called()
  const line =
    'queryloom completion fish | source; complete -C "queryloom plan pipeline.yaml sc"; complete -C "queryloom report x.yaml --format m"'
  const { error, stdout } = spawnSync('fish', ['--no-config', '-c', line], { cwd: folder, env, encoding: 'utf8' })
  if (error) console.log('fish is not here: its completions are not tried')
  else expect(stdout).toBe('scores\nmd\n')
})

test('in zsh, the words of a line lead to the candidates', () => {
  const { folder, env } = called()
  // Without its line editor: what the function would offer.
  const line = `compdef() { : }; compadd() { shift $@[(i)--]; print -l -- "$@" }; _describe() { print -l -- "\${(@P)2}" }
    source <(queryloom completion zsh); words=(queryloom plan pipeline.yaml sc); CURRENT=4; _queryloom
    words=(queryloom plan pipeline.yaml -p den); CURRENT=5; _queryloom`
  const { error, stdout } = spawnSync('zsh', ['-f', '-c', line], { cwd: folder, env, encoding: 'utf8' })
  if (error) console.log('zsh is not here: its completions are not tried')
  else expect(stdout).toBe('scores\ndensity=\n')
})

test.each(['zsh', 'fish'] as const)('the script for %s is sound', (shell) => {
  // From a file: fish, told to execute nothing, may end before it has read its input.
  const script = join(temporaryFolder(), `completion.${shell}`)
  writeFileSync(script, COMPLETION_SCRIPTS[shell])
  const check = spawnSync(shell, ['-n', script], { encoding: 'utf8' })
  if (check.error) {
    console.log(`${shell} is not here: its script is not checked`)
    return
  }
  expect(check).toMatchObject({ status: 0, stderr: '' })
})

test('in bash, words are completed as they stand there: with `=`, brackets, and the names of a pipeline', async () => {
  const project = new Project(smallProject('http://127.0.0.1:9/v1'))
  const bin = join(project.folder, 'bin')
  mkdirSync(bin)
  const script = `#!/bin/sh\nexec "${process.execPath}" "${join(packageRoot, 'dist/engine/cli/main.js')}" "$@"\n`
  writeFileSync(join(bin, 'queryloom'), script)
  chmodSync(join(bin, 'queryloom'), 0o755)
  const { stdout } = await project.call('completion', 'bash')
  project.write('complete.sh', stdout)
  project.write(
    'swept.yaml',
    'version: 1\nparams: { n: 1 }\nstages:\n  one:\n    uses: command\n    with: { run: "echo ${params.n} > a.txt", outputs: { a: a.txt } }\nsweep: { axes: { n: [1, 2] } }\n',
  )
  const tab = (...words: string[]): string[] => {
    const line = words.filter((word) => !/^[=:]$/.test(word))
    const text = words.reduce(
      (all, word) => all + (/^[=:]$/.test(word) || /[=:]$/.test(all) || all === '' ? '' : ' ') + word,
      '',
    )
    const quoted = words.map((word) => `'${word}'`).join(' ')
    expect(line.length).toBeGreaterThan(0)
    const run = `source complete.sh; COMP_LINE='${text}'; COMP_POINT=\${#COMP_LINE}; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _queryloom; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', run], {
      cwd: project.folder,
      encoding: 'utf8',
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    })
      .trimEnd()
      .split('\n')
  }
  expect(tab('queryloom', 'sta')).toEqual(['status'])
  expect(tab('queryloom', 'run', 'pipe')).toEqual(['pipeline.yaml'])
  expect(tab('queryloom', 'run', 'pipeline.yaml', 'sc')).toEqual(['scores'])
  expect(tab('queryloom', 'run', 'pipeline.yaml', '-p', 'den')).toEqual(['density='])
  expect(tab('queryloom', 'run', 'swept.yaml', 'one\\[n=1')).toEqual(['one\\[n=1\\]'])
  expect(tab('queryloom', 'run', 'swept.yaml', '--only', 'n', '=', '2')).toEqual(['2'])
})
