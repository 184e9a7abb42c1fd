import { needsEpochSecrets, type RootSource } from '../partitions/index.ts'
import type { PartitionDefinition } from '../tenants/index.ts'

/** What `partition show` says of a partition's own keys, in sentences for people. */
export interface Protection {
  /** Where they lie. */
  readonly keysLie: string
  /** Who has what cannot do what; and, last, who can. */
  readonly protects: readonly string[]
}

/** @param details as the partition describes itself */
export function protectionOf(definition: PartitionDefinition, root: RootSource, details: Readonly<Record<string, string>>): Protection {
  if (definition.kind === 'pkcs11') return ofToken(details)
  return hasEpochSecrets(definition) ? ofSoftware(root) : ofRootSecretAlone(root)
}

/** Of a software partition, whether an old copy of the store opens nothing after an epoch turn; a token's is the token's word. */
export function hasEpochSecrets(definition: PartitionDefinition): boolean {
  return definition.kind === 'pkcs11' || needsEpochSecrets(Buffer.from(definition.ring, 'base64'), definition.name)
}

function ofRootSecretAlone(root: RootSource): Protection {
  const { protects } = ofSoftware(root)
  return {
    keysLie: 'in the store, sealed under the root secret alone: they were made before there were epoch secrets',
    protects: [
      'A COPY OF THE STORE FROM BEFORE THE FIRST EPOCH TURN STAYS OPEN to who has the root secret, with all that was destroyed since: the turn gives the partition its first epoch secret, and those after it protect; for the first one the root secret must become another (on a node that stands alone: tresor root change)',
      ...protects,
    ],
  }
}

function ofSoftware(root: RootSource): Protection {
  return {
    keysLie:
      'in the store, sealed under the root secret and the secret of their epoch; the one comes from where "root secret" says, the other lies in epoch-secrets in the data folder',
    protects: [
      'a copy of the store, of etcd or of a cluster backup opens no key',
      rootSentence(root),
      "root, and the node's user, on a running node can have every key: they are in the memory of its workers while they are used",
    ],
  }
}

function rootSentence(root: RootSource): string {
  switch (root.kind) {
    case 'keyFile':
      return root.path.startsWith('credential:')
        ? 'a copy of the data folder opens no key without the credential'
        : 'a copy of the whole data folder with the key file OPENS EVERY KEY; for more than development see docs/security.md'
    case 'passphrase':
      return typeof root.passphrase === 'string'
        ? 'a copy of the data folder without the passphrase file opens no key, but passphrases can be tried on it (scrypt, 128 MiB for each)'
        : 'a copy of the data folder opens no key, but passphrases can be tried on it (scrypt, 128 MiB for each)'
    case 'command':
      return 'a copy of the data folder opens no key, unless its holder can have the secret from the same command'
    case 'pkcs11':
      return 'a copy of the data folder opens no key without the token and its PIN'
  }
}

function ofToken({ 'trusted wrapping': trusted, 'own keys': own }: Readonly<Record<string, string>>): Protection {
  return {
    keysLie: `in the token; they ${own ?? 'never leave the token'}`,
    protects: [
      'a copy of the store, of etcd, of a backup or of the data folder opens no key without the token and its PIN',
      ...(trusted === 'enforced'
        ? ['the module keeps keys that may be carried from leaving under a key that its security officer does not trust (it was tried)']
        : ['the module does not keep to CKA_WRAP_WITH_TRUSTED (it was tried), so no keys that may be carried are made in this token']),
      'who has the token and its PIN can take every key that it has in wrapped form, by unwrapping it in the token as a key that may leave: the PIN is in the hsm process alone',
    ],
  }
}
