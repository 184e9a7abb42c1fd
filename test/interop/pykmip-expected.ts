import { type OperationRow, operations } from '../../spec/operations.ts'
import { isWithin, type Version } from '../../spec/versions.ts'
import { type Outcomes, outcomesIn } from './outcomes.ts'

/** The versions that PyKMIP speaks. */
export const versions = ['1.0', '1.1', '1.2', '1.3', '1.4', '2.0'] as const satisfies readonly Version[]
export type PyKmipVersion = (typeof versions)[number]

const notSupported = 'refused: OPERATION_NOT_SUPPORTED'
const denied = 'refused: PERMISSION_DENIED'
const notFound = 'refused: ITEM_NOT_FOUND'
const invalid = 'refused: INVALID_FIELD'
const destroyed = { '1.0': notFound, '2.0': 'refused: OBJECT_DESTROYED' }
const unknown = { '1.0': notFound, '2.0': 'refused: OBJECT_NOT_FOUND' }
const readOnly = { '1.0': denied, '2.0': 'refused: ATTRIBUTE_READ_ONLY' }
const nameTaken = { '1.0': invalid, '2.0': 'refused: NON_UNIQUE_NAME_ATTRIBUTE' }
/** An operation that came with KMIP 1.2; PyKMIP asks for it in earlier versions too. */
const since12 = (outcome: unknown) => ({ '1.0': notSupported, '1.2': outcome })

const of10 = [
  'Cryptographic Algorithm',
  'Cryptographic Length',
  'Cryptographic Usage Mask',
  'Digest',
  'Initial Date',
  'Last Change Date',
  'Lease Time',
  'Name',
  'Object Type',
  'State',
  'Unique Identifier',
]
const of14 = [
  'Always Sensitive',
  'Extractable',
  'Fresh',
  'Never Extractable',
  'Original Creation Date',
  'Random Number Generator',
  'Sensitive',
]

const steps: Readonly<Record<string, Outcomes>> = {
  // query, versions
  'query vendor': { '1.0': 'Tresor' },
  'query objects': {
    '1.0': objects('TEMPLATE'),
    '1.2': objects('PGP_KEY', 'TEMPLATE'),
    '2.0': objects('CERTIFICATE_REQUEST', 'PGP_KEY'),
  },
  'discover versions': { '1.1': ['2.1', '2.0', '1.4', '1.3', '1.2', '1.1', '1.0'] },

  // symmetric
  create: { '1.0': 'made' },
  'state when created': { '1.0': 'PRE_ACTIVE' },
  get: { '1.0': ['SymmetricKey', 'AES', 256, 32] },
  'usage mask': { '1.0': 28 },
  'get attribute list': {
    '1.0': attributes(),
    '1.1': attributes('Fresh'),
    '1.2': attributes('Fresh', 'Original Creation Date'),
    '1.3': attributes('Fresh', 'Original Creation Date', 'Random Number Generator'),
    '1.4': attributes(...of14),
    '2.0': attributes(...of14, 'Key Format Type', 'Protection Storage Mask', 'Short Unique Identifier'),
  },
  'attributes that PyKMIP cannot read': {
    '1.0': ['Digest'], // wants the Key Format Type that came with 1.1
    '1.1': [],
    '1.3': ['Random Number Generator'],
    '2.0': [
      'Always Sensitive',
      'Extractable',
      'Key Format Type',
      'Never Extractable',
      'Original Creation Date',
      'Protection Storage Mask',
      'Random Number Generator',
      'Short Unique Identifier',
    ],
  },
  'get every other attribute': { '1.0': true },
  'encrypt before activation': since12(denied),
  activate: { '1.0': null },
  'activate again': { '1.0': denied },
  'state when activated': { '1.0': 'ACTIVE' },
  encrypt: since12('made'),
  'encrypted as AES-CBC has it': { '1.2': true },
  decrypt: since12('attack at dawn, and again at dusk'),
  "encrypt with the server's IV": { '1.2': [16, true] },
  'decrypt altered': { '1.2': 'refused: CRYPTOGRAPHIC_FAILURE' },
  'get wrapped': { '1.1': true },
  'locate by name': { '1.0': true },
  'locate by name and length': { '1.0': true },
  'locate by state': { '1.0': true },
  'locate none': { '1.0': [] },
  'locate the newest': { '1.0': true },
  'locate with an offset': { '1.3': true },
  'create with a taken name': nameTaken,
  'destroy when active': { '1.0': denied },
  revoke: { '1.0': null },
  'state when revoked': { '1.0': 'DEACTIVATED' },
  'encrypt when revoked': since12(denied),
  destroy: { '1.0': null },
  'get when destroyed': destroyed,
  'encrypt when destroyed': { '1.0': notSupported, '1.2': notFound, '2.0': 'refused: OBJECT_DESTROYED' },
  'activate when destroyed': destroyed,
  'revoke as compromised': { '1.0': null },
  'state when compromised': { '1.0': 'COMPROMISED' },
  'destroy when compromised': { '1.0': null },

  // key-pairs
  'create key pair': { '1.0': 'made' },
  'get public key': { '1.0': ['PublicKey', 'PKCS_1', 2048] },
  'get private key': { '1.0': ['PrivateKey', 'PKCS_1', 2048] },
  'get private key as PKCS #8': { '1.0': ['PKCS_8', 2048] },
  'sign PKCS1v15': since12('made'),
  'verify PKCS1v15': since12('VALID'),
  'verify other PKCS1v15': since12('INVALID'),
  'sign PSS': since12('made'),
  'verify PSS': since12('VALID'),
  'verify other PSS': since12('INVALID'),
  'decrypt OAEP': since12('for one reader'),
  'encrypt with a private key': { '1.0': notSupported, '1.2': denied, '2.0': 'refused: INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK' },
  'create EC key pair': { '1.0': 'made' },
  'get EC public key': { '1.0': ['PublicKey', 'X_509', 256] },
  'sign ECDSA': since12('made'),

  // registered
  'register symmetric key': { '1.0': 'made' },
  'get symmetric key back': { '1.0': ['SymmetricKey', true] },
  'locate symmetric key': { '1.0': true },
  'register secret data': { '1.0': 'made' },
  'get secret data back': { '1.0': ['SecretData', true] },
  'locate secret data': { '1.0': true },
  'register opaque object': { '1.0': 'made' },
  'get opaque object back': { '1.0': ['OpaqueObject', true] },
  'locate opaque object': { '1.0': true },
  'register certificate': { '1.0': 'made' },
  'get certificate back': { '1.0': ['X509Certificate', true] },
  'locate certificate': { '1.0': true },
  'register private key': { '1.0': 'made' },
  'get private key back': { '1.0': ['PrivateKey', true] },
  'locate private key': { '1.0': true },
  'register public key': { '1.0': 'made' },
  'get public key back': { '1.0': ['PublicKey', true] },
  'locate public key': { '1.0': true },
  'register split key': { '1.0': 'made' },
  'get split key back': { '1.0': ['SplitKey', true] },
  'locate split key': { '1.0': true },
  'register a taken name': nameTaken,
  'register a wrong length': { '1.0': invalid },
  mac: since12(true),

  // attributes
  'modify name': { '1.0': true },
  'located by its new name': { '1.0': true },
  'located by its old name': { '1.0': [] },
  'delete name': { '1.0': true },
  'located by its deleted name': { '1.0': [] },
  'add a name by modifying': { '1.0': notFound, '2.0': 'refused: ATTRIBUTE_NOT_FOUND' },
  'modify state': readOnly,
  'modify length': readOnly,
  'delete state': readOnly,

  // derived
  'derive key by HASH': { '1.0': 'made' },
  'derived by HASH': { '1.0': true },
  'derive key by HMAC': { '1.0': 'made' },
  'derived by HMAC': { '1.0': true },

  // unlisted
  rekey: { '1.0': notSupported },
  'set attribute': { '2.0': notSupported },
  'get an unknown identifier': unknown,
  'destroy an unknown identifier': unknown,
}

/** Every step's outcome in one version. */
export function expectedOutcomes(version: PyKmipVersion): Record<string, unknown> {
  return { 'query operations': operationsOf(version), ...outcomesIn(version, steps) }
}

/** In PyKMIP's spelling: RNGRetrieve is RNG_RETRIEVE. */
function operationsOf(version: Version): string[] {
  return Object.entries<OperationRow>(operations)
    .filter(([, { since, until }]) => isWithin(version, since, until))
    .map(([name]) => name.replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '_').toUpperCase())
    .sort()
}

function objects(...more: string[]): string[] {
  return ['CERTIFICATE', 'OPAQUE_DATA', 'PRIVATE_KEY', 'PUBLIC_KEY', 'SECRET_DATA', 'SPLIT_KEY', 'SYMMETRIC_KEY', ...more].sort()
}

function attributes(...more: string[]): string[] {
  return [...of10, ...more].sort()
}
