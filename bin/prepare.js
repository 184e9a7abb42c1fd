// What has to be there before any code of the project can run: dependencies and the compiled program.
// Plain JavaScript with nothing but Node.js itself, because nothing else is installed yet.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, 'build', '.built')

/** Checks Node.js, installs what the lock file names and compiles, each only where needed; `say` is told of what takes time. */
export function prepare(say = () => {}) {
  checkNode()
  if (!isInstalled()) {
    say('packages', 'installing (npm ci)')
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'npm ci failed; its own words are above')
  }
  if (!isBuilt()) {
    say('build', 'compiling (tsc)')
    run(
      process.execPath,
      [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root],
      'the program does not compile; the errors are above',
    )
    writeFileSync(stamp, '')
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(`Node.js ${process.versions.node} is too old; Tresor needs 20.19 or later (https://nodejs.org)`)
}

/** Whether every locked package is there in its locked version (optional ones may be absent: pkcs11js where there is no C compiler). */
function isInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(installed)) return false
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages
  return Object.entries(locked).every(([path, row]) => path === '' || row.optional || present[path]?.version === row.version)
}

function isBuilt() {
  if (!existsSync(stamp)) return false
  const built = statSync(stamp).mtimeMs
  return ['spec', 'src', 'certs', 'test', 'tsconfig.json'].every((name) => newest(join(root, name)) <= built)
}

function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return 0
  if (!stat.isDirectory()) return stat.mtimeMs
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), stat.mtimeMs)
}

function run(command, args, problem) {
  const child = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (child.status !== 0) fail(child.error === undefined ? problem : `${command} cannot be run: ${child.error.message}`)
}

/** Says what is wrong and ends. */
export function fail(message) {
  process.stderr.write(`tresor: ${message}\n`)
  process.exit(1)
}
