import { randomBytes } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { OperationName } from '../../spec/operations.ts'
import type { RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { indexTerms, type ManagedObject, Secret } from '../../src/objects/index.ts'
import { type Context, operationTable } from '../../src/operations/index.ts'
import { type ObjectRecords, ObjectStore } from '../../src/operations/object-store.ts'
import { createSoftwarePartition, openSoftwarePartition, type Partition } from '../../src/partitions/index.ts'

export interface OperationBench {
  readonly context: Context
  /** The objects as they are staged, by identifier. */
  readonly objects: ReadonlyMap<string, ManagedObject>
  /** Runs one operation as the dispatcher would: without its envelope, at the time of the bench or another (seconds since 1970). */
  run<O extends OperationName>(operation: O, request: RequestPayload<O>, now?: number): Promise<ResponsePayload<O>>
}

interface Options {
  /** Seconds since 1970; 1,700,000,000 unless told. */
  readonly now?: number
  readonly policy?: Context['policy']
  readonly partition?: Partition
}

/** A real context over a software partition and objects in memory: what handlers see, without a store. */
export function operationContext(options: Options = {}): OperationBench {
  const objects = new Map<string, ManagedObject>()
  const records = memoryRecords(objects)
  const partition = options.partition ?? softwarePartition()
  const policy = options.policy ?? { sensitive: false, extractable: true }
  const at = (now: number): Context => ({
    now,
    nowMilliseconds: now * 1000,
    objects: new ObjectStore(records, now * 1000),
    partition,
    policy,
    server: {
      versions: ['2.1', '1.4', '1.0'],
      operations: Object.keys(operationTable) as OperationName[],
      vendorIdentification: 'Tresor',
      serverName: 'test',
      serverVersion: '0.0.0',
      serverSerialNumber: '0',
      profiles: [],
    },
  })
  const context = at(options.now ?? 1_700_000_000)
  return {
    context,
    objects,
    run: (operation, request, now) => operationTable[operation].handler(now === undefined ? context : at(now), request),
  }
}

export function softwarePartition(): Partition {
  const rootSecret = new Secret(randomBytes(32))
  return openSoftwarePartition({ name: 'test', rootSecret, ring: createSoftwarePartition({ name: 'test', rootSecret }).ring })
}

function memoryRecords(objects: Map<string, ManagedObject>): ObjectRecords {
  const names = new Map<string, string>()
  return {
    read: async (uniqueIdentifier) => objects.get(uniqueIdentifier),
    peek: (uniqueIdentifier) => objects.get(uniqueIdentifier),
    find(ranges, { offset, limit }, accept) {
      const found = [...objects.values()]
        .filter((object) => {
          const terms = indexTerms(object)
          const inAll = ranges.every(({ attribute, from, to }) =>
            terms.some(
              (term) => term.attribute === attribute && Buffer.compare(term.value, from) >= 0 && Buffer.compare(term.value, to) <= 0,
            ),
          )
          return inAll && accept?.(object) !== false
        })
        .reverse()
      return { ids: found.slice(offset, offset + limit).map(({ uniqueIdentifier }) => uniqueIdentifier), total: found.length }
    },
    stage: (object) => void objects.set(object.uniqueIdentifier, object),
    reserveName(name, uniqueIdentifier) {
      if (names.has(name)) throw new KmipError('NonUniqueNameAttribute', `The name ${name} is taken.`)
      names.set(name, uniqueIdentifier)
    },
    releaseName: (name) => void names.delete(name),
  }
}
