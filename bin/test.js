// Every check of the project: lint and format, types, and all tests. Ends with `N passed, N failed`.
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { prepare, root } from './prepare.js'
import { installSystemPackages } from './system-packages.js'

const bin = (name) => join(root, 'node_modules', '.bin', name)
const title = (text) => process.stdout.write(`\n== ${text}\n`)
let passed = 0
let failed = 0

title('dependencies and build')
// A fresh build: what is gone from the sources must not be tested.
rmSync(join(root, 'build', 'test'), { recursive: true, force: true })
rmSync(join(root, 'build', '.built'), { force: true })
prepare((what, state) => process.stdout.write(`  ${what.padEnd(14)}${state}\n`))
count('types', true)

title('system packages')
const problems = installSystemPackages((what) => process.stdout.write(`  ${what}\n`))
for (const problem of problems) process.stdout.write(`  ${problem}\n`)
if (problems.length > 0) finish(problems.length)

title('lint and format')
count('lint', (await run(bin('biome'), ['check', '--error-on-warnings', '.'])).status === 0)

// What needs the machine for itself comes last, and alone.
const alone = 'build/test/chaos/chaos.test.js'
const wanted = process.argv.slice(2)
if (wanted.length > 0) await tests('tests', wanted)
else {
  await tests('tests', ['build/test/**/*.test.js', `!${alone}`])
  await tests('tests of a cluster under faults', [alone])
}
finish(failed)

async function tests(name, files) {
  title(name)
  const { output, status } = await run(bin('ava'), ['--concurrency', '2', ...files])
  const good = output.match(/^\s*✔/gm)?.length ?? 0
  const bad = (output.match(/^\s*✘ \[fail\]/gm)?.length ?? 0) + countIn(output, /(\d+) tests? remained pending/)
  passed += good
  // A test file may end badly without a test that failed: it never passes for good.
  failed += status === 0 ? bad : Math.max(bad, 1)
  if (good === 0) count(`${name} ran`, false)
}

function count(name, good) {
  if (good) passed++
  else failed++
  process.stdout.write(`  ${good ? 'good' : 'BAD'}  ${name}\n`)
}

function countIn(output, ...patterns) {
  return patterns.reduce((sum, pattern) => sum + Number(pattern.exec(output)?.[1] ?? 0), 0)
}

/** Runs a program, showing what it prints as it prints it. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
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

function finish(failures) {
  process.stdout.write(`\n${passed} passed, ${failures} failed\n`)
  process.exit(failures === 0 ? 0 : 1)
}
