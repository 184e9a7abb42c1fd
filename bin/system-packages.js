// What the tests use beyond npm's packages: where each is looked for, and how it is had.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './prepare.js'

const isSuperuser = process.getuid?.() === 0

/** `found` answers whether the thing is there. */
const needed = [
  {
    name: 'SoftHSM 2',
    debian: ['softhsm2'],
    found: () => existsSync('/usr/lib/softhsm/libsofthsm2.so') || existsSync('/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'),
  },
  {
    name: 'NSS',
    debian: ['libnss3'],
    found: () => ['x86_64', 'aarch64'].some((machine) => existsSync(`/usr/lib/${machine}-linux-gnu/libsoftokn3.so`)),
  },
  { name: 'gcc', debian: ['gcc', 'libc6-dev'], found: () => runs('cc', '--version') && existsSync('/usr/include/stdlib.h') },
  {
    name: 'p11-kit',
    debian: ['p11-kit', 'p11-kit-modules'],
    found: () => existsSync('/usr/libexec/p11-kit/p11-kit-server') && clientModules().some((path) => existsSync(path)),
  },
  { name: 'etcd', debian: ['etcd-server'], found: () => runs('etcd', '--version') },
  { name: 'Python 3 with venv', debian: ['python3', 'python3-venv'], found: () => runs('python3', '-c', 'import ensurepip, venv') },
  { name: 'openssl', debian: ['openssl'], found: () => runs('openssl', 'version') },
  // Only the superuser may make network namespaces; others test the cluster with relays on loopback.
  { name: 'iproute2', debian: ['iproute2'], found: () => !isSuperuser || runs('ip', '-V') },
  { name: 'nftables', debian: ['nftables'], found: () => !isSuperuser || runs('nft', '--version') },
]

/** Of a remoted module: Debian has a folder for each kind of machine. */
function clientModules() {
  return ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/pkcs11/p11-kit-client.so`)
}

/** The folder of Python packages for test/interop; in no repository. */
export const pythonFolder = join(root, 'build', '.python')
const requirements = join(root, 'test', 'interop', 'requirements.txt')

/** Installs what is missing where that is allowed. Answers one line for each thing that stays missing, with what to do about it. */
export function installSystemPackages(say) {
  const missing = () => needed.filter(({ found }) => !found())
  const packages = missing().flatMap(({ debian }) => debian)
  if (packages.length > 0 && isSuperuser && runs('apt-get', '--version')) {
    say(`installing ${packages.join(', ')} (apt-get)`)
    apt('update')
    apt('install', '-y', '--no-install-recommends', ...packages)
    stopService()
  }
  const problems = missing().map(({ name, debian }) => `${name} is missing; run: apt-get install ${debian.join(' ')}`)
  return problems.length > 0 ? problems : installPythonClients(say)
}

/** Third-party clients in an environment of their own, made anew when the list of them changed. */
function installPythonClients(say) {
  const wanted = readFileSync(requirements, 'utf8')
  const stamp = join(pythonFolder, 'requirements.txt')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return []
  say('installing third-party KMIP clients (pip)')
  mkdirSync(pythonFolder, { recursive: true })
  const steps = [
    ['python3', '-m', 'venv', '--clear', pythonFolder],
    [join(pythonFolder, 'bin', 'pip'), 'install', '--quiet', '--disable-pip-version-check', '-r', requirements],
  ]
  for (const [command, ...args] of steps) {
    const child = spawnSync(command, args, { stdio: ['ignore', 2, 2] })
    if (child.status !== 0)
      return [`PyKMIP and pymongocrypt cannot be installed: ${command} ${args.join(' ')} failed; its own words are above`]
  }
  writeFileSync(stamp, wanted)
  return []
}

function apt(...args) {
  spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
}

/** Debian starts etcd when it installs it; the tests start their own. */
function stopService() {
  spawnSync('service', ['etcd', 'stop'], { stdio: 'ignore' })
}

function runs(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore', env }).status === 0
}

/** The superuser's programs are in folders that not every PATH has; and a package of npm's, too, is called nft. */
const env = { ...process.env, PATH: `/usr/sbin:/sbin:${process.env.PATH}` }
