import { timingSafeEqual } from 'node:crypto'
import { demanded } from '../in-parts.ts'
import type { StreamEnd } from '../partition.ts'
import type { DeviceStream } from './device-stream.ts'
import { nothing, type TokenStream } from './token-stream.ts'

/** What takes all parts and gives nothing before the last: a hash or a MAC, and what `finish` makes of it. */
export function digestParts(
  stream: DeviceStream,
  finish: (digest: Uint8Array, expected: Uint8Array | undefined) => StreamEnd | Promise<StreamEnd> = (data) => ({ data }),
): TokenStream {
  const take = async (data: Uint8Array) => {
    if (data.length > 0) await stream.update(data, 0)
  }
  return {
    holdsBack: false,
    async update(data) {
      await take(data)
      return nothing
    },
    async end(data, expected) {
      await take(data)
      return finish(await stream.end(longest), expected)
    },
    close: () => stream.close(),
  }
}

/** Whether the MAC is the one that was to be verified. */
export function fitsMac(mac: Uint8Array, expected: Uint8Array | undefined): StreamEnd {
  const given = demanded('MAC', expected)
  return { data: nothing, valid: mac.length === given.length && timingSafeEqual(mac, given) }
}

/** Bytes of a digest or MAC. */
const longest = 64
