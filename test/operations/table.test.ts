import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { enumerations } from '../../spec/enumerations.ts'
import { type OperationName, operations } from '../../spec/operations.ts'
import { operationTable } from '../../src/operations/index.ts'
import { readSources } from '../support/source.ts'

/** `RNGRetrieve` to `rng-retrieve`, `MAC` to `mac`. */
function fileOf(operation: string): string {
  return operation
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase()
}

const names = Object.keys(operations) as OperationName[]

test('the table has an entry for every operation that spec lists, and no other', (t) => {
  t.deepEqual(Object.keys(operationTable).sort(), [...names].sort())
})

test('every operation is a file named for it', (t) => {
  const files = new Set(readSources('src/operations').map(({ path }) => path))
  t.deepEqual(
    names.filter((name) => !files.has(join('src/operations', `${fileOf(name)}.ts`))),
    [],
  )
})

test('docs/kmip.md lists the operations of the table, and no other', (t) => {
  const [, section = ''] = readFileSync('docs/kmip.md', 'utf8').split('\n## Operations\n')
  const [listed = ''] = section.split('\n## ')
  const rows = [...listed.matchAll(/^\| ([A-Z][^|]*?) \|/gm)].map(([, name]) => name)
  t.deepEqual(
    rows,
    names.map((name) => enumerations.Operation[name].name),
  )
})

test('an operation that means the ID Placeholder has an identifier in its request', (t) => {
  const wrong = names.filter((name) => operationTable[name].needsObject !== 'uniqueIdentifier' in operations[name].request)
  t.deepEqual(wrong, [])
})
