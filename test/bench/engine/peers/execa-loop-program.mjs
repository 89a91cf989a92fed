// node execa-loop-program.mjs FILE N: executes the commands of a JSON file, each after the one that it names, N at once.
import { readFileSync } from 'node:fs'
import { execa } from 'execa'

const [file, jobs] = process.argv.slice(2)
const followers = new Map()
for (const task of JSON.parse(readFileSync(file, 'utf8'))) {
  const others = followers.get(task.after)
  if (others) others.push(task)
  else followers.set(task.after, [task])
}

const ready = followers.get(undefined)
let started = 0
let running = 0

function fill() {
  while (running < Number(jobs) && started < ready.length) void execute(ready[started++])
}

async function execute({ id, line }) {
  running++
  await execa('/bin/sh', ['-c', line])
  running--
  ready.push(...(followers.get(id) ?? []))
  fill()
}

fill()
