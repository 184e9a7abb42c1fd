import { performance } from 'node:perf_hooks'
import type { AttributeInstance } from '../../spec/values.ts'
import type { Version } from '../../spec/versions.ts'
import {
  decodeAttributes,
  encodeAttributes,
  encodeRequest,
  encodeResponse,
  parseRequest,
  type RequestItem,
  type RequestMessage,
  type ResponseItem,
  type ResponseMessage,
  responseSize,
} from '../../src/messages/index.ts'
import { decode, encode } from '../../src/ttlv/index.ts'
import type { BenchRow } from './codec.bench.ts'

/** How fast one core turns requests into the internal form, and answers out of it; the bare tree codec of the same bytes beside each. */
export function benchMessages(): BenchRow[] {
  return (['2.1', '1.4'] as const).flatMap((version) => [...parsing(version), ...writing(version)]).concat(keeping())
}

function parsing(version: Version): BenchRow[] {
  return Object.entries(requests).flatMap(([name, item]) => {
    const bytes = encodeRequest(request(version, item))
    return [
      measure(`parse ${name} request, KMIP ${version}, ${bytes.length} bytes`, () => parseRequest(bytes)),
      measure('  of which decode', () => decode(bytes)),
    ]
  })
}

function writing(version: Version): BenchRow[] {
  return Object.entries(responses).flatMap(([name, item]) => {
    const message: ResponseMessage = { version, timeStamp: 1_700_000_000, items: [item] }
    const bytes = encodeResponse(message)
    const tree = decode(bytes)
    return [
      measure(`encode ${name} answer, KMIP ${version}, ${bytes.length} bytes`, () => encodeResponse(message)),
      measure('  of which encode', () => encode(tree)),
      measure('  size alone', () => responseSize(message)),
    ]
  })
}

function keeping(): BenchRow[] {
  const bytes = encodeAttributes(kept)
  return [
    measure(`keep ${kept.length} attributes, ${bytes.length} bytes`, () => encodeAttributes(kept)),
    measure(`have ${kept.length} attributes back`, () => decodeAttributes(bytes)),
  ]
}

function measure(name: string, run: () => unknown): BenchRow {
  for (let warm = 0; warm < 30_000; warm++) run()
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const rounds = 50_000
    const start = performance.now()
    for (let index = 0; index < rounds; index++) run()
    best = Math.min(best, (performance.now() - start) / rounds)
  }
  return { name, opsPerSecond: Math.round(1000 / best), microseconds: Math.round(best * 1e6) / 1000 }
}

function request(version: Version, item: RequestItem): RequestMessage {
  return {
    header: {
      version,
      clientCorrelationValue: 'bench step=00001',
      asynchronousIndicator: 'Prohibited',
      credentials: [],
      batchErrorContinuation: 'Stop',
    },
    items: [item],
  }
}

const uniqueIdentifier = '5f0c2a8e-64c3-4a5e-9d1c-2b7f3a1e8c55'

const requests: Readonly<Record<string, RequestItem>> = {
  Encrypt: {
    operation: 'Encrypt',
    payload: {
      uniqueIdentifier,
      cryptographicParameters: { blockCipherMode: 'GCM', tagLength: 16 },
      data: new Uint8Array(64).fill(7),
      ivCounterNonce: new Uint8Array(12).fill(5),
    },
  },
  Locate: {
    operation: 'Locate',
    payload: { attributes: [{ name: 'Name', value: { value: 'payments-2026', type: 'UninterpretedTextString' } }] },
  },
  Create: {
    operation: 'Create',
    payload: {
      objectType: 'SymmetricKey',
      attributes: [
        { name: 'CryptographicAlgorithm', value: 'AES' },
        { name: 'CryptographicLength', value: 256 },
        { name: 'CryptographicUsageMask', value: 12 },
        { name: 'Name', value: { value: 'payments-2026', type: 'UninterpretedTextString' } },
      ],
    },
  },
}

const responses: Readonly<Record<string, ResponseItem>> = {
  Encrypt: {
    operation: 'Encrypt',
    status: 'Success',
    payload: { uniqueIdentifier, data: new Uint8Array(64).fill(9), tag: new Uint8Array(16).fill(3) },
  },
  Get: {
    operation: 'Get',
    status: 'Success',
    payload: {
      objectType: 'SymmetricKey',
      uniqueIdentifier,
      symmetricKey: {
        keyBlock: {
          keyFormatType: 'Raw',
          keyValue: { keyMaterial: new Uint8Array(32).fill(4), attributes: [] },
          cryptographicAlgorithm: 'AES',
          cryptographicLength: 256,
        },
      },
    },
  },
}

/** What a key has of itself, as a rule. */
const kept: readonly AttributeInstance[] = [
  { name: 'UniqueIdentifier', index: 0, value: uniqueIdentifier },
  { name: 'ObjectType', index: 0, value: 'SymmetricKey' },
  { name: 'Name', index: 0, value: { value: 'payments-2026', type: 'UninterpretedTextString' } },
  { name: 'CryptographicAlgorithm', index: 0, value: 'AES' },
  { name: 'CryptographicLength', index: 0, value: 256 },
  { name: 'CryptographicUsageMask', index: 0, value: 12 },
  { name: 'State', index: 0, value: 'Active' },
  { name: 'InitialDate', index: 0, value: 1_700_000_000 },
  { name: 'ActivationDate', index: 0, value: 1_700_000_000 },
  { name: 'LastChangeDate', index: 0, value: 1_700_000_000 },
  { name: 'Digest', index: 0, value: { hashingAlgorithm: 'SHA_256', digestValue: new Uint8Array(32), keyFormatType: 'Raw' } },
  { name: 'Sensitive', index: 0, value: true },
  { name: 'AlwaysSensitive', index: 0, value: true },
  { name: 'Extractable', index: 0, value: false },
  { name: 'NeverExtractable', index: 0, value: true },
]
