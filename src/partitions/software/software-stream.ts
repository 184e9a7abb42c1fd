import type { StreamEnd } from '../partition.ts'

/** One operation in parts, its key inside. */
export interface SoftwareStream {
  readonly holdsBack: boolean
  update(data: Uint8Array): Uint8Array
  end(data: Uint8Array, expected: Uint8Array | undefined): StreamEnd
}
