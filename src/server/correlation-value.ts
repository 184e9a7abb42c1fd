import { KmipError } from '../../spec/kmip-error.ts'
import { nameBytes } from './stream-table.ts'

/** Where a stream lives: a run of a node, and one of its processes. */
export interface StreamPlace {
  /** 8 bytes, new at each start of the node. */
  readonly node: Uint8Array
  /** 0 for the node's own process, else the worker's number. */
  readonly process: number
}

/** The Correlation Value of a stream: the node, the process within it, and the stream's secret name. */
export function correlationValue({ node, process }: StreamPlace, name: Uint8Array): Buffer {
  const value = Buffer.alloc(length)
  value.set(node)
  value.writeUInt16BE(process, nodeBytes)
  value.set(name, nodeBytes + 2)
  return value
}

/**
 * The process of this node that has the stream, and the stream's name in it.
 * @throws KmipError InvalidCorrelationValue for a value that no node made, and for a stream of another node.
 */
export function readCorrelationValue(node: Uint8Array, value: Uint8Array): { readonly process: number; readonly name: Buffer } {
  const bytes = Buffer.from(value)
  if (bytes.length !== length)
    throw new KmipError('InvalidCorrelationValue', `A Correlation Value has ${length} bytes here, not ${bytes.length}.`)
  if (!bytes.subarray(0, nodeBytes).equals(node))
    throw new KmipError(
      'InvalidCorrelationValue',
      'The stream lives on another node, or was begun before this one was started: send all parts to the node that answered the first, or begin anew.',
    )
  return { process: bytes.readUInt16BE(nodeBytes), name: bytes.subarray(nodeBytes + 2) }
}

export const nodeBytes = 8
const length = nodeBytes + 2 + nameBytes
