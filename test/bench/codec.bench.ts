import { performance } from 'node:perf_hooks'
import { byteString, dateTime, decode, encode, enumeration, type Item, integer, structure, textString } from '../../src/ttlv/index.ts'

export interface BenchRow {
  readonly name: string
  readonly opsPerSecond: number
  readonly microseconds: number
}

/** How fast one core turns the bytes of an Encrypt request into a tree, and the tree of its answer into bytes. */
export function benchCodec(): BenchRow[] {
  const requestBytes = encode(encryptRequest())
  const response = encryptResponse()
  return [
    measure(`decode Encrypt request, ${requestBytes.length} bytes`, () => decode(requestBytes)),
    measure(`encode Encrypt response, ${encode(response).length} bytes`, () => encode(response)),
  ]
}

function measure(name: string, run: () => unknown): BenchRow {
  for (let warm = 0; warm < 50_000; warm++) run()
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const rounds = 100_000
    const start = performance.now()
    for (let index = 0; index < rounds; index++) run()
    best = Math.min(best, (performance.now() - start) / rounds)
  }
  return { name, opsPerSecond: Math.round(1000 / best), microseconds: Math.round(best * 1e6) / 1000 }
}

const protocolVersion = structure('ProtocolVersion', [integer('ProtocolVersionMajor', 2), integer('ProtocolVersionMinor', 1)])

function encryptRequest(): Item {
  return structure('RequestMessage', [
    structure('RequestHeader', [protocolVersion, textString('ClientCorrelationValue', 'bench step=00001'), integer('BatchCount', 1)]),
    structure('BatchItem', [
      enumeration('Operation', 'Encrypt'),
      structure('RequestPayload', [
        textString('UniqueIdentifier', '5f0c2a8e-64c3-4a5e-9d1c-2b7f3a1e8c55'),
        structure('CryptographicParameters', [enumeration('BlockCipherMode', 'GCM'), integer('TagLength', 16)]),
        byteString('Data', new Uint8Array(64).fill(7)),
        byteString('IVCounterNonce', new Uint8Array(12).fill(5)),
      ]),
    ]),
  ])
}

function encryptResponse(): Item {
  return structure('ResponseMessage', [
    structure('ResponseHeader', [protocolVersion, dateTime('TimeStamp', 1_700_000_000n), integer('BatchCount', 1)]),
    structure('BatchItem', [
      enumeration('Operation', 'Encrypt'),
      enumeration('ResultStatus', 'Success'),
      structure('ResponsePayload', [
        textString('UniqueIdentifier', '5f0c2a8e-64c3-4a5e-9d1c-2b7f3a1e8c55'),
        byteString('Data', new Uint8Array(32).fill(9)),
        byteString('AuthenticatedEncryptionTag', new Uint8Array(16).fill(3)),
      ]),
    ]),
  ])
}
