import { KmipError } from '../../spec/kmip-error.ts'
import type { KeyType } from '../objects/index.ts'
import type { Context } from './context.ts'

/**
 * 3DES is off for a tenant that has not allowed it: NIST has disallowed it for new data since 2024 (SP 800-131A). Its keys may be registered, found and
 * given back, so that they can be moved; none is made, and none used.
 * @throws KmipError UnsupportedCryptographicParameters, saying how to allow it.
 */
export function checkAllowed({ policy }: Pick<Context, 'policy'>, type: Pick<KeyType, 'algorithm'> | undefined): void {
  if (type?.algorithm !== 'DES3' || policy.tripleDes === true) return
  throw new KmipError(
    'UnsupportedCryptographicParameters',
    '3DES (DES3) is off for this tenant. Use AES; or, for what cannot move yet, allow it: tresor tenant set NAME --3des allow',
  )
}
