import test from 'ava'
import { readSources, type SourceFile } from './support/source.ts'

/** What each room may import (ARCHITECTURE.md, "The rooms"). Every room may import spec: facts, and the one error type. */
const rooms: Record<string, readonly string[]> = {
  spec: [],
  'src/ttlv': [],
  'src/messages': ['src/ttlv'],
  'src/objects': [],
  'src/processes': [],
  'src/partitions': ['src/objects', 'src/processes'],
  'src/store': ['src/objects', 'src/processes'],
  'src/cluster': ['src/store'],
  'src/tenants': ['src/store', 'src/partitions', 'src/objects'],
  'src/operations': ['src/ttlv', 'src/messages', 'src/objects', 'src/partitions', 'src/store', 'src/tenants'],
  'src/server': [
    'src/processes',
    'src/ttlv',
    'src/messages',
    'src/objects',
    'src/partitions',
    'src/store',
    'src/tenants',
    'src/operations',
    'src/config.ts',
  ],
  'src/admin': [
    'src/ttlv',
    'src/messages',
    'src/objects',
    'src/partitions',
    'src/store',
    'src/tenants',
    'src/operations',
    'src/server',
    'src/config.ts',
    'certs',
  ],
  'src/client': ['src/ttlv', 'src/messages'],
  'src/conformance': ['src/client', 'src/ttlv'],
  // The form of a client's URI stands once, with who reads it.
  certs: ['src/tenants'],
}
/** The composition root with the files it reads, the configuration and the command line may import all. */
const free = [
  'src/config.ts',
  'src/config-docs.ts',
  'src/config-errors.ts',
  'src/config-partition.ts',
  'src/config-root.ts',
  'src/configured-root.ts',
  'src/config-yaml.ts',
  'src/kmip-docs.ts',
  'src/kmip-docs-cryptography.ts',
  'src/kmip-docs-tables.ts',
  'src/main.ts',
  'src/node-files.ts',
  'src/node-epochs.ts',
  'src/node-root.ts',
  'src/partition-opener.ts',
  'src/unseal-process.ts',
  'src/join-secrets.ts',
  'src/watch-changes.ts',
  'src/cli',
]

const sources = readSources('spec', 'src', 'certs')
const roomOf = (path: string) => [...Object.keys(rooms), ...free].find((room) => path === room || path.startsWith(`${room}/`))

test('every file stands in a room', (t) => {
  t.deepEqual(
    sources.filter((source) => roomOf(source.path) === undefined).map((source) => source.path),
    [],
  )
})

test('a room imports only what it may', (t) => {
  const trespasses = sources.flatMap((source) => {
    const room = roomOf(source.path)
    if (room === undefined || free.includes(room)) return []
    const allowed = [room, 'spec', ...(rooms[room] as readonly string[])]
    return source.imports.filter((path) => !allowed.includes(roomOf(path) ?? path)).map((path) => `${source.path} imports ${path}`)
  })
  t.deepEqual(trespasses, [])
})

test('no import cycles', (t) => {
  const files = new Map(sources.map((source) => [source.path, source]))
  t.deepEqual(findCycles(files), [])
})

test('a file has one idea: none is longer than 400 lines, tables apart', (t) => {
  const long = sources.filter((source) => !source.path.startsWith('spec/') && source.text.split('\n').length > 400)
  t.deepEqual(
    long.map((source) => source.path),
    [],
  )
})

test('no drawers without a label', (t) => {
  const vague = /(^|\/)(utils?|helpers?|common|manager|misc|shared)(\.ts|\/)/
  t.deepEqual(
    sources.filter((source) => vague.test(source.path)).map((source) => source.path),
    [],
  )
})

test('nothing is left for later, and nothing is typed any', (t) => {
  const words = /\b(TODO|FIXME|XXX|HACK)\b|not implemented|:\s*any\b|\bas any\b|@ts-ignore/
  t.deepEqual(
    sources.filter((source) => words.test(source.text)).map((source) => source.path),
    [],
  )
})

test('cryptography and the device have one door each', (t) => {
  const pkcs11 = sources.filter((source) => source.packages.includes('pkcs11js') && !source.path.startsWith('src/partitions/'))
  const forge = sources.filter((source) => source.packages.includes('node-forge') && !source.path.startsWith('certs/'))
  const lmdb = sources.filter((source) => source.packages.includes('lmdb') && !source.path.startsWith('src/store/'))
  const grpc = sources.filter(
    (source) => source.packages.some((name) => name.startsWith('@grpc/')) && !source.path.startsWith('src/cluster/'),
  )
  t.deepEqual(
    [...pkcs11, ...forge, ...lmdb, ...grpc].map((source) => source.path),
    [],
  )
})

/** Every cycle once, as `a -> b -> a`. */
function findCycles(files: ReadonlyMap<string, SourceFile>): string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const walk = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path)
    if (at >= 0) {
      cycles.push([...trail.slice(at), path].join(' -> '))
      return
    }
    if (done.has(path)) return
    for (const next of files.get(path)?.imports ?? []) walk(next, [...trail, path])
    done.add(path)
  }
  for (const path of files.keys()) walk(path, [])
  return cycles
}
