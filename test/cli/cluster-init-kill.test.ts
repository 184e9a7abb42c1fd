import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { init } from '../../src/cli/commands/init.ts'
import { runQuietly } from '../../src/cli/quiet-run.ts'
import { whyTaken } from '../../src/cli/run-node.ts'
import { clusterPaths, Keys, withLoneMember } from '../../src/cluster/index.ts'
import { decodeStored } from '../../src/cluster/stored-value.ts'
import { openEmbeddedLedger } from '../../src/store/index.ts'
import { changeSet, objectPlace } from '../support/change-sets.ts'
import { temporaryFolder } from '../support/command-line.ts'
import { clusterOptions, settle } from '../support/quiet-node.ts'

const program = fileURLToPath(new URL('../support/tresor-program.js', import.meta.url))
const folder = temporaryFolder()
test.after.always(() => folder.remove())

const values = 2000
/** Milliseconds after its start at which the command is killed; a random time later with each try, until it comes to its end. */
const first = 300
const growth = () => 1.3 + Math.random() * 0.4

test('cluster init is killed at one moment after the other, and finishes when run again: nothing is lost', async (t) => {
  const data = join(folder.path, 'node')
  await runQuietly(init, data)
  await settle(data)
  const { ledger } = openEmbeddedLedger({ directory: join(data, 'store') })
  const names = Array.from({ length: values }, (_, index) => `key-${index}`)
  await Promise.all(names.map((name) => ledger.commit(changeSet([{ place: objectPlace(name), value: Buffer.from(textOf(name)) }]))))
  await ledger.close()
  const options = await clusterOptions('n1')
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  let killed = 0
  for (let after = first; ; after *= growth()) {
    const child = spawn(process.execPath, [program, '--data', data, '--json', 'cluster', 'init', ...args], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    const timer = setTimeout(() => child.kill('SIGKILL'), after)
    const [code, signal] = await ended
    clearTimeout(timer)
    if (signal !== 'SIGKILL') {
      t.is(code, 0)
      break
    }
    killed++
    // Its etcd member ends with it, a moment later; a person who is too quick is told that the address is in use.
    for (const address of [options.peer, options.client].map(hostPort)) while ((await whyTaken(address)) !== undefined) await sleep(50)
  }
  t.log(`killed ${killed} times`)
  t.true(killed >= 3)

  const keys = new Keys()
  const cluster = join(data, 'cluster')
  t.false(existsSync(clusterPaths(cluster).seeding))
  await withLoneMember({ folder: cluster }, async (client) => {
    const { kvs } = await client.range({ key: keys.data, rangeEnd: keys.dataEnd }, { deadline: 10_000 })
    const found = new Map(kvs.map(({ key, value }) => [keys.placeOf(key)?.id, Buffer.from(decodeStored(value).value).toString()]))
    for (const name of names) t.is(found.get(name), textOf(name))
  })
})

function hostPort(address: string) {
  const [host = '', port] = address.split(':')
  return { host, port: Number(port) }
}

function textOf(name: string): string {
  return name.repeat(100)
}
