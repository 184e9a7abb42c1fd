import test from 'ava'
import fc from 'fast-check'
import { requestHeader } from '../../spec/messages.ts'
import { type OperationName, type OperationRow, operations } from '../../spec/operations.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import { isWithin, servedVersions, type Version } from '../../spec/versions.ts'
import {
  decodeAttributes,
  encodeAttributes,
  encodeRequest,
  encodeResponse,
  parseRequest,
  parseResponse,
  type RequestMessage,
  type ResponseMessage,
  responseSize,
  UnreadableRequest,
} from '../../src/messages/index.ts'
import { decode } from '../../src/ttlv/index.ts'
import { instances, valuesOf } from '../support/row-values.ts'
import { laterThan } from '../support/version-gate.ts'

const rows = Object.entries(operations) as [OperationName, OperationRow][]

/** One batch of each operation costs more than enough draws in a few runs. */
const few = { numRuns: 20 }

function operationsOf(version: Version): [OperationName, OperationRow][] {
  return rows.filter(([, row]) => isWithin(version, row.since, row.until))
}

function outcome(bytes: Uint8Array): string {
  try {
    parseRequest(bytes)
    return 'answered'
  } catch (error) {
    return error instanceof UnreadableRequest ? 'answered' : ((error as Error).stack ?? '')
  }
}

/** Nothing but data: no views, no absent keys, so that two values are equal when they say the same. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [key, plain(inner)])
      .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)),
  )
}

function batch(operation: OperationName, payloads: readonly unknown[]): unknown[] {
  return payloads.map((payload, index) => ({ operation, uniqueBatchItemId: Uint8Array.of(index), payload }))
}

function headerOf(version: Version): fc.Arbitrary<Record<string, unknown>> {
  return valuesOf(requestHeader, version).map((fields) => ({
    version,
    maximumResponseSize: fields.maximumResponseSize,
    clientCorrelationValue: fields.clientCorrelationValue,
    serverCorrelationValue: fields.serverCorrelationValue,
    asynchronousIndicator: fields.asynchronousIndicator ?? (fields.mayBeAsynchronous === true ? 'Optional' : 'Prohibited'),
    credentials: (fields.authentication as { credentials: unknown[] } | undefined)?.credentials ?? [],
    batchErrorContinuation: fields.batchErrorContinuation ?? 'Stop',
    timeStamp: fields.timeStamp,
  }))
}

for (const version of servedVersions) {
  test(`KMIP ${version}: any request is read as it was meant`, (t) => {
    for (const [operation, row] of operationsOf(version)) {
      const requests = fc.tuple(headerOf(version), fc.array(valuesOf(row.request, version), { minLength: 1, maxLength: 3 }))
      fc.assert(
        fc.property(requests, ([header, payloads]) => {
          const message = { header, items: batch(operation, payloads) } as unknown as RequestMessage
          t.deepEqual(plain(parseRequest(encodeRequest(message))), plain(message), operation)
        }),
        few,
      )
    }
  })

  test(`KMIP ${version}: any answer is read as it was meant`, (t) => {
    for (const [operation, row] of operationsOf(version)) {
      const payloads = fc.array(valuesOf(row.response, version), { minLength: 1, maxLength: 3 })
      fc.assert(
        fc.property(payloads, fc.constantFrom('Success', 'OperationUndone'), (drawn, status) => {
          const items = batch(operation, drawn).map((item) => ({ ...(item as object), status }))
          const message = { version, timeStamp: 1_700_000_000, items } as unknown as ResponseMessage
          const bytes = encodeResponse(message)
          t.deepEqual(plain(parseResponse(bytes)), plain(message), operation)
          t.is(responseSize(message), bytes.length)
        }),
        few,
      )
    }
  })

  test(`KMIP ${version}: no answer shows anything of a later version`, (t) => {
    for (const [operation, row] of rows) {
      fc.assert(
        fc.property(valuesOf(row.response, undefined), (payload) => {
          const items = batch(operation, [payload]).map((item) => ({ ...(item as object), status: 'Success' }))
          const message = { version, timeStamp: 0, clientCorrelationValue: 'c', serverCorrelationValue: 's', items }
          t.deepEqual(laterThan(version, decode(encodeResponse(message as unknown as ResponseMessage))), [])
        }),
        few,
      )
    }
  })
}

test('kept attributes come back as they were', (t) => {
  const kept = fc.tuple(instances(undefined), fc.nat({ max: 3 }))
  fc.assert(
    fc.property(kept, ([drawn, index]) => {
      const attributes = drawn.map((instance) => ({ ...instance, index })) as unknown as AttributeInstance[]
      t.deepEqual(plain(decodeAttributes(encodeAttributes(attributes))), plain(attributes))
    }),
  )
})

test('an altered request is refused or read, and never anything else', (t) => {
  const version = fc.constantFrom(...servedVersions)
  const request = version.chain((each) =>
    fc.constantFrom(...operationsOf(each)).chain(([operation, row]) =>
      fc.record({
        bytes: fc
          .tuple(headerOf(each), valuesOf(row.request, each))
          .map(([header, payload]) =>
            Buffer.from(encodeRequest({ header, items: batch(operation, [payload]) } as unknown as RequestMessage)),
          ),
        at: fc.nat(),
        value: fc.integer({ min: 0, max: 255 }),
      }),
    ),
  )
  fc.assert(
    fc.property(request, ({ bytes, at, value }) => {
      bytes[at % bytes.length] = value
      t.is(outcome(bytes), 'answered')
    }),
    { numRuns: 2000 },
  )
})
