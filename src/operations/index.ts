import type { OperationName } from '../../spec/operations.ts'
import { activate } from './activate.ts'
import { addAttribute } from './add-attribute.ts'
import type { OperationEntry } from './context.ts'
import { create } from './create.ts'
import { createKeyPair } from './create-key-pair.ts'
import { deleteAttribute } from './delete-attribute.ts'
import { destroy } from './destroy.ts'
import { discoverVersions } from './discover-versions.ts'
import { getAttributeList } from './get-attribute-list.ts'
import { getAttributes } from './get-attributes.ts'
import { locate, locatedPlaceholder } from './locate.ts'
import { modifyAttribute } from './modify-attribute.ts'
import { query } from './query.ts'
import { revoke } from './revoke.ts'

export type { Context, OperationEntry, Permission, ServerFacts } from './context.ts'

/** Every operation that the server has: the dispatcher, Query and the docs read this table. */
export const operationTable: { readonly [O in OperationName]: OperationEntry<O> } = {
  Activate: { handler: activate, permission: 'lifecycle', needsObject: true },
  AddAttribute: { handler: addAttribute, permission: 'attributes', needsObject: true },
  Create: { handler: create, permission: 'create', needsObject: false, placeholder: (response) => asText(response.uniqueIdentifier) },
  CreateKeyPair: {
    handler: createKeyPair,
    permission: 'create',
    needsObject: false,
    placeholder: (response) => asText(response.privateKeyUniqueIdentifier),
  },
  DeleteAttribute: { handler: deleteAttribute, permission: 'attributes', needsObject: true },
  Destroy: { handler: destroy, permission: 'lifecycle', needsObject: true },
  DiscoverVersions: { handler: discoverVersions, permission: 'none', needsObject: false },
  GetAttributeList: { handler: getAttributeList, permission: 'attributes', needsObject: true },
  GetAttributes: { handler: getAttributes, permission: 'attributes', needsObject: true },
  Locate: { handler: locate, permission: 'locate', needsObject: false, placeholder: locatedPlaceholder },
  ModifyAttribute: { handler: modifyAttribute, permission: 'attributes', needsObject: true },
  Query: { handler: query, permission: 'none', needsObject: false },
  Revoke: { handler: revoke, permission: 'lifecycle', needsObject: true },
}

/** The identifiers of an answer are always text. */
function asText(identifier: unknown): string | undefined {
  return typeof identifier === 'string' ? identifier : undefined
}
