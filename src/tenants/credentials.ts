import { createHash } from 'node:crypto'
import type { EnumerationValue } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import type { Secret } from '../objects/secret.ts'
import { type Identity, livingUser } from './identity.ts'
import type { Passwords } from './passwords.ts'
import type { SettingsView } from './settings.ts'

/** A KMIP Credential (KMIP 2.1 §3.6) as plain values. */
export type Credential =
  | { readonly kind: 'UsernameAndPassword'; readonly username: string; readonly password?: Secret }
  | { readonly kind: Exclude<EnumerationValue<'CredentialType'>, 'UsernameAndPassword'> }

/**
 * Narrows an identity by the request's credentials, but for a ticket, which is looked at where the tenant's space is at hand:
 * to another user of the same tenant, who proves it by a password, with the permissions that both the certificate's user and that user have. A credential never switches the tenant and never adds a permission.
 * @throws KmipError AuthenticationNotSuccessful. An unknown user and a wrong password get the same words, after the same time.
 */
export async function authenticate(
  identity: Identity,
  credentials: readonly Credential[],
  view: SettingsView,
  passwords: Passwords,
): Promise<Identity> {
  let narrowed = identity
  for (const credential of credentials) {
    if (credential.kind === 'Ticket') continue
    if (credential.kind !== 'UsernameAndPassword') {
      throw refusal(
        `Credential Type ${credential.kind} is not supported; use Username and Password, a Ticket, or the client certificate alone.`,
      )
    }
    narrowed = await narrow(narrowed, credential, view, passwords)
  }
  return narrowed
}

async function narrow(
  identity: Identity,
  { username, password }: { readonly username: string; readonly password?: Secret },
  view: SettingsView,
  passwords: Passwords,
): Promise<Identity> {
  if (password === undefined) {
    if (username === identity.user) return identity
    throw refusal('The credential names another user than the client certificate; its password is needed.')
  }
  const user = livingUser(view, identity.tenant, username)
  const narrowed = narrowTo(identity, username, view)
  if (!(await passwords.check(user?.password, password)) || narrowed === undefined) throw refusal('The username or the password is wrong.')
  return narrowed
}

/** An identity as another user of its tenant, with the permissions that both have now; undefined when there is no such user. */
export function narrowTo(identity: Identity, username: string, view: SettingsView): Identity | undefined {
  const user = livingUser(view, identity.tenant, username)
  if (user === undefined) return undefined
  return { ...identity, user: username, permissions: new Set(user.permissions.filter((one) => identity.permissions.has(one))) }
}

/** Tells a user's password from the one before it, and from none, without saying anything of it. */
export function passwordMark(view: SettingsView, tenant: string, username: string): string | undefined {
  const verifier = livingUser(view, tenant, username)?.password
  return verifier === undefined ? undefined : createHash('sha256').update(`${verifier.salt}.${verifier.hash}`).digest('base64url')
}

function refusal(message: string): KmipError {
  return new KmipError('AuthenticationNotSuccessful', message)
}
