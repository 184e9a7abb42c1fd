import { KmipError } from '../../spec/kmip-error.ts'
import type { AuthenticatedMechanism } from './cipher-parameters.ts'

/** @throws KmipError InvalidField when there is no tag, or one of another length than the mechanism's. */
export function checkTag(mechanism: AuthenticatedMechanism, tag: Uint8Array | undefined): asserts tag is Uint8Array {
  if (tag === undefined) throw new KmipError('InvalidField', 'Authenticated decryption needs the authentication tag, and none was given.')
  if (tag.length === mechanism.tagLength) return
  throw new KmipError('InvalidField', `The authentication tag has ${tag.length} bytes; the Tag Length says ${mechanism.tagLength}.`)
}
