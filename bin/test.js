// Every check of the project: lint and format, types, and all tests. Ends with `N passed, N failed`.
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { leftProcesses, runMark } from './left-processes.js'
import { prepare, root } from './prepare.js'
import { installSystemPackages } from './system-packages.js'

const bin = (name) => join(root, 'node_modules', '.bin', name)
const title = (text) => process.stdout.write(`\n== ${text}\n`)
let passed = 0
let failed = 0
// However it ends: a build that fails is a failure, too.
process.on('exit', (code) => {
  process.stdout.write(`\n${passed} passed, ${code === 0 ? failed : Math.max(failed, 1)} failed\n`)
})

title('dependencies and build')
// A fresh build: what is gone from the sources must not be tested.
rmSync(join(root, 'build', 'test'), { recursive: true, force: true })
rmSync(join(root, 'build', '.built'), { force: true })
prepare((what, state) => process.stdout.write(`  ${what.padEnd(14)}${state}\n`))
count('types', true)

title('system packages')
const problems = installSystemPackages((what) => process.stdout.write(`  ${what}\n`))
for (const problem of problems) process.stdout.write(`  ${problem}\n`)
failed += problems.length
if (failed > 0) process.exit(1)

title('lint and format')
count('lint', (await run(bin('biome'), ['check', '--error-on-warnings', '.'])).status === 0)

// In ava's words: a test or a hook that failed, tests that a broken hook or a time-out kept from running, a file that crashed or does not end.
const failures = [
  /^\s*✘ \[fail\]/gm,
  /^\s*✘ (\d+) tests? remaining in /gm,
  /^\s*(\d+) tests? remained pending after /gm,
  /^\s*✘ .* exited (?:due to|with) /gm,
  /^\s*✘ No tests found in /gm,
  /^\s*Failed to exit when running /gm,
]

// What needs the machine for itself comes last, and alone.
const alone = 'build/test/chaos/chaos.test.js'
const wanted = process.argv.slice(2)
if (wanted.length > 0) await tests('tests', wanted)
else {
  await tests('tests', ['build/test/**/*.test.js', `!${alone}`])
  await tests('tests of a cluster under faults', [alone])
}
process.exit(failed === 0 ? 0 : 1)

async function tests(name, files) {
  title(name)
  const { output, status } = await run(bin('ava'), ['--concurrency', '2', ...files])
  const good = output.match(/^\s*✔ /gm)?.length ?? 0
  passed += good
  const bad = failures.reduce((sum, pattern) => sum + sumOf(output, pattern), 0)
  // However a run ends badly, it never passes for good.
  failed += status === 0 ? bad : Math.max(bad, 1)
  if (good === 0) count(`${name} ran`, false)
  for (const { pid, command } of await leftProcesses()) count(`no process is left over: ${pid} ${command}`, false)
}

function count(name, good) {
  if (good) passed++
  else failed++
  process.stdout.write(`  ${good ? 'good' : 'BAD'}  ${name}\n`)
}

/** Each match stands for one failure, or for the number in it. */
function sumOf(output, pattern) {
  return [...output.matchAll(pattern)].reduce((sum, [, number]) => sum + Number(number ?? 1), 0)
}

/** Runs a program, showing what it prints as it prints it. */
function run(command, args) {
  return new Promise((resolve) => {
    // What is counted must look the same everywhere, whatever the terminal.
    const env = { ...process.env, ...runMark, FORCE_COLOR: '0', TERM: 'dumb' }
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const show = (chunk) => {
      output += chunk
      process.stdout.write(chunk)
    }
    child.stdout.on('data', show)
    child.stderr.on('data', show)
    child.on('close', (status) => resolve({ status, output }))
  })
}
