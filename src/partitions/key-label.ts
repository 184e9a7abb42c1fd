import type { KeyKind, KeyPolicy, KeyType } from './partition.ts'

/** What a wrapped key says of itself, and must not be made to say otherwise. */
export interface Labelled {
  readonly kind: KeyKind
  readonly type: KeyType | undefined
  readonly policy: KeyPolicy
}

/**
 * The one byte form of a key's kind, type and policy, bound to the wrapped value by each partition, so that a stored key
 * cannot be re-labelled: from Extractable false to true, or from a private key to data. The record's MAC covers the same
 * facts; this holds also against a record that was sealed by mistake.
 */
export function keyLabel(key: Labelled): Buffer {
  const { kind, type, policy } = key
  const text = [
    kind,
    type?.algorithm ?? '',
    type?.length ?? '',
    type?.curve ?? '',
    policy.sensitive ? 'sensitive' : '',
    policy.extractable ? 'extractable' : '',
  ].join('|')
  const label = Buffer.allocUnsafe(2 + text.length)
  label.writeUInt16BE(text.length, 0)
  label.write(text, 2, 'latin1')
  return label
}
