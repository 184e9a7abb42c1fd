import type { OperationName } from '../../spec/operations.ts'
import { activate } from './activate.ts'
import { addAttribute } from './add-attribute.ts'
import { cancel } from './cancel.ts'
import type { OperationEntry } from './context.ts'
import { create } from './create.ts'
import { createKeyPair } from './create-key-pair.ts'
import { decrypt } from './decrypt.ts'
import { deleteAttribute } from './delete-attribute.ts'
import { deriveKey } from './derive-key.ts'
import { destroy } from './destroy.ts'
import { discoverVersions } from './discover-versions.ts'
import { encrypt } from './encrypt.ts'
import { get } from './get.ts'
import { getAttributeList } from './get-attribute-list.ts'
import { getAttributes } from './get-attributes.ts'
import { hash } from './hash.ts'
import { locate, locatedPlaceholder } from './locate.ts'
import { login } from './login.ts'
import { logout } from './logout.ts'
import { mac } from './mac.ts'
import { macVerify } from './mac-verify.ts'
import { modifyAttribute } from './modify-attribute.ts'
import { poll } from './poll.ts'
import { process } from './process.ts'
import { query } from './query.ts'
import { queryAsynchronousRequests } from './query-asynchronous-requests.ts'
import { register } from './register.ts'
import { revoke } from './revoke.ts'
import { rngRetrieve } from './rng-retrieve.ts'
import { sign } from './sign.ts'
import { signatureVerify } from './signature-verify.ts'

export type { Context, OperationEntry, Permission, ServerFacts } from './context.ts'
export { type Jobs, PolledAnswer } from './jobs.ts'
export { madeIdentifiers, repeatedAnswer } from './repeated-answer.ts'
export { type ResidentRule, usualResidentRule } from './resident-rule.ts'
export type { BegunStream, FirstPart, StreamedOperation, StreamPurpose, Streams } from './streams.ts'
export type { Tickets, TicketTerms } from './tickets.ts'

/** Every operation that the server has: the dispatcher, Query and the docs read this table. */
export const operationTable: { readonly [O in OperationName]: OperationEntry<O> } = {
  Activate: { handler: activate, permission: 'lifecycle', needsObject: true, later: 'possible' },
  AddAttribute: { handler: addAttribute, permission: 'attributes', needsObject: true, later: 'possible' },
  Cancel: { handler: cancel, permission: 'own', needsObject: false },
  Create: {
    handler: create,
    permission: 'create',
    needsObject: false,
    later: 'possible',
    placeholder: (response) => asText(response.uniqueIdentifier),
  },
  CreateKeyPair: {
    handler: createKeyPair,
    permission: 'create',
    needsObject: false,
    later: 'preferred',
    placeholder: (response) => asText(response.privateKeyUniqueIdentifier),
  },
  Decrypt: { handler: decrypt, permission: 'use', needsObject: true, later: 'possible' },
  DeleteAttribute: { handler: deleteAttribute, permission: 'attributes', needsObject: true, later: 'possible' },
  DeriveKey: {
    handler: deriveKey,
    permission: 'create',
    // What is derived tells of its base what an encryption or a MAC would.
    also: 'use',
    needsObject: false,
    later: 'possible',
    placeholder: (response) => asText(response.uniqueIdentifier),
  },
  Destroy: { handler: destroy, permission: 'lifecycle', needsObject: true, later: 'possible' },
  DiscoverVersions: { handler: discoverVersions, permission: 'none', needsObject: false },
  Encrypt: { handler: encrypt, permission: 'use', needsObject: true, later: 'possible' },
  Get: { handler: get, permission: 'read', needsObject: true },
  GetAttributeList: { handler: getAttributeList, permission: 'locate', needsObject: true, later: 'possible' },
  GetAttributes: { handler: getAttributes, permission: 'locate', needsObject: true, later: 'possible' },
  Hash: { handler: hash, permission: 'use', needsObject: false, later: 'possible' },
  Locate: { handler: locate, permission: 'locate', needsObject: false, later: 'possible', placeholder: locatedPlaceholder },
  Login: { handler: login, permission: 'own', needsObject: false },
  Logout: { handler: logout, permission: 'own', needsObject: false },
  MAC: { handler: mac, permission: 'use', needsObject: true, later: 'possible' },
  MACVerify: { handler: macVerify, permission: 'use', needsObject: true, later: 'possible' },
  ModifyAttribute: { handler: modifyAttribute, permission: 'attributes', needsObject: true, later: 'possible' },
  Poll: { handler: poll, permission: 'own', needsObject: false },
  Process: { handler: process, permission: 'own', needsObject: false },
  Query: { handler: query, permission: 'none', needsObject: false },
  QueryAsynchronousRequests: { handler: queryAsynchronousRequests, permission: 'own', needsObject: false },
  Register: {
    handler: register,
    permission: 'create',
    needsObject: false,
    later: 'possible',
    placeholder: (response) => asText(response.uniqueIdentifier),
  },
  Revoke: { handler: revoke, permission: 'lifecycle', needsObject: true, later: 'possible' },
  RNGRetrieve: { handler: rngRetrieve, permission: 'use', needsObject: false },
  Sign: { handler: sign, permission: 'use', needsObject: true, later: 'possible' },
  SignatureVerify: { handler: signatureVerify, permission: 'use', needsObject: true, later: 'possible' },
}

/** The identifiers of an answer are always text. */
function asText(identifier: unknown): string | undefined {
  return typeof identifier === 'string' ? identifier : undefined
}
