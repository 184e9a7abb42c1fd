import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { parse } from 'yaml'
import { callAdmin } from '../../src/admin/index.ts'
import { freePorts, writeSettings } from '../../src/cli/scratch-cluster.ts'

/*
 * No container engine is needed: the commands of docker/compose.yaml, as they stand there, are run on this machine in the order that the
 * file demands. Volumes become folders, the addresses of the containers become loopback addresses, and `tresor` is the compiled program.
 */

const dockerfile = readFileSync('docker/Dockerfile', 'utf8')
const compose = parse(readFileSync('docker/compose.yaml', 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
}

interface Service {
  readonly entrypoint?: readonly string[]
  readonly command: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: 'service_completed_successfully' | 'service_healthy' }>>
  readonly volumes: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
}

const program = fileURLToPath(new URL('../support/tresor-program.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tresor-image-'))
/** Data folders of the nodes that were started. */
const nodes: string[] = []
test.after.always(async () => {
  for (const data of nodes) {
    const { processes } = (await callAdmin(data, 'node.status')) as { readonly processes: Readonly<Record<string, number>> }
    for (const pid of Object.values(processes)) process.kill(pid, 'SIGKILL')
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
})

test('what the image copies is there, it does not run as root, and its etcd is pinned', (t) => {
  const copied = [...dockerfile.matchAll(/^COPY (?:--chmod=\S+ )?(?!--from)(.+)$/gm)].flatMap(([, words = '']) =>
    words.split(' ').slice(0, -1),
  )
  t.true(copied.length > 8)
  for (const path of copied) t.true(existsSync(path), `docker/Dockerfile copies ${path}`)
  t.regex(dockerfile, /^USER 5696:5696$/m)
  t.regex(dockerfile, /^HEALTHCHECK /m)
  t.regex(readFileSync('docker/etcd/go.mod', 'utf8'), /^require go\.etcd\.io\/etcd\/server\/v3 v3\.6\.\d+$/m)
  t.regex(readFileSync('docker/etcd/go.sum', 'utf8'), /^go\.etcd\.io\/etcd\/server\/v3 v3\.6\.\d+ h1:/m)
})

test('the steps of compose.yaml form a cluster of three on this machine, and find it formed when they are run again', async (t) => {
  t.timeout(240_000, 'three nodes start one after the other')
  const kmip = await freePorts(3)
  const ports = await freePorts(9)
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'tresor'), `#!/bin/sh\nexec ${process.execPath} ${program} "$@"\n`)
  chmodSync(join(bin, 'tresor'), 0o755)
  // All on 127.0.0.1: etcd refuses a peer whose connection comes from an address that its certificate lacks.
  const places = new Map<string, string>()
  const placeOf = (address: string) => {
    if (!places.has(address)) places.set(address, `127.0.0.1:${ports[places.size]}`)
    return places.get(address) ?? ''
  }

  /** A word of the file as it holds here: which folders are which is what the service's volumes say. */
  const here = (service: Service, word: string) => {
    const paths = service.volumes.map((volume) => volume.split(':') as [name: string, path: string])
    const node = paths.find(([, path]) => path === '/var/lib/tresor')?.[0] ?? ''
    let text = word.replaceAll('$$', '$').replaceAll(/10\.56\.96\.\d+:\d+/g, placeOf)
    for (const [name, path] of paths) text = text.replaceAll(path, join(folder, name))
    return text.replaceAll('0.0.0.0:5696', `127.0.0.1:${kmip[Number(node.slice(4)) - 1]}`)
  }
  const entrypoint = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(dockerfile)![1]!) as string[]
  const run = (service: Service) => {
    const [command = '', ...words] = [...(service.entrypoint ?? entrypoint), ...service.command].map((word) => here(service, word))
    const child = spawn(command, words, {
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    return { ended, said: () => said }
  }
  const dataOf = (service: Service) => here(service, '/var/lib/tresor/data')
  const isHealthy = async (service: Service) => {
    const status = (await callAdmin(dataOf(service), 'node.status').catch(() => undefined)) as { readonly operator: string } | undefined
    if (status === undefined) return false
    // In its container a node has loopback, and so the operator's port, for itself.
    const [, command = '', ...words] = service.healthcheck!.test.map((word) => word.replace('127.0.0.1:5697', status.operator))
    return (await new Promise((resolve) => spawn(command, words).once('exit', resolve))) === 0
  }

  const done = new Set<string>()
  for (let left = Object.entries(compose.services); left.length > 0; ) {
    const ready = left.filter(([, { depends_on = {} }]) => Object.keys(depends_on).every((name) => done.has(name)))
    t.true(ready.length > 0, 'services wait for each other')
    for (const [name, service] of ready) {
      for (const volume of service.volumes) mkdirSync(join(folder, volume.split(':')[0]!), { recursive: true })
      const { ended, said } = run(service)
      if (service.healthcheck === undefined) {
        t.is(await ended, 0, `${name}: ${said()}`)
        if (/^(form|join)/.test(name)) writeSettings(dataOf(service), { workers: 0, operator: { port: 0 } })
      } else {
        const over = ended.then((code) => t.fail(`${name} ended with ${code}: ${said()}`))
        void over.catch(() => undefined)
        for (let n = 0; n < 600 && !(await isHealthy(service)); n++) await sleep(100)
        nodes.push(dataOf(service))
        t.true(await isHealthy(service), `${name} is not healthy: ${said()}`)
      }
      done.add(name)
    }
    left = left.filter(([name]) => !done.has(name))
  }

  const first = dataOf(compose.services.node1!)
  const { majority, members } = (await callAdmin(first, 'cluster.status')) as {
    majority: boolean
    members: { name: string; role: string }[]
  }
  t.true(majority)
  t.deepEqual(members.map(({ name }) => name).sort(), ['node1', 'node2', 'node3'])
  for (const words of [
    ['tenant', 'add', 'acme'],
    ['tenant', 'enroll', 'acme', 'app'],
  ]) {
    t.is(await run({ command: words, volumes: ['node1:/var/lib/tresor'] }).ended, 0)
  }
  t.true(existsSync(join(first, 'clients', 'acme', 'app', 'key.pem')))

  for (const name of ['form', 'join2', 'join3']) t.is(await run(compose.services[name]!).ended, 0, `${name} once more`)
})
