import type { StructureRow } from './structures.ts'
import type { Version } from './versions.ts'

/** One client-to-server operation: the versions that know it, and the payloads' fields in their order on the wire (KMIP 2.1 §6.1, KMIP 1.4 §4). */
export interface OperationRow {
  readonly since: Version
  readonly until?: Version
  /** The clause that defines it, for messages and docs. */
  readonly clause: string
  readonly request: StructureRow
  readonly response: StructureRow
}

const identifier = { carrier: 'identifier', tag: 'UniqueIdentifier', count: '?' } as const
const identified = { carrier: 'identifier', tag: 'UniqueIdentifier', count: '1' } as const
const parameters = { tag: 'CryptographicParameters', count: '?' } as const
const data = { tag: 'Data', count: '?' } as const
const dataType = { type: 'ByteString' } as const
const stream = {
  correlationValue: { tag: 'CorrelationValue', count: '?', since: '1.3' },
  initIndicator: { tag: 'InitIndicator', count: '?', since: '1.3' },
  finalIndicator: { tag: 'FinalIndicator', count: '?', since: '1.3' },
} as const
const asynchronous = { asynchronousCorrelationValue: { tag: 'AsynchronousCorrelationValue', count: '1' } } as const
const streamed = { correlationValue: { tag: 'CorrelationValue', count: '?', since: '1.3' } } as const
/** The names of Templates in a Template-Attribute (KMIP 1.4 §2.1.8): what they hold goes before the attributes given beside them. */
const templatesOf = <B extends string>(beside: B) => ({ carrier: 'templates', tag: 'Name', beside, count: '?', until: '1.4' }) as const
const objects = {
  certificate: { tag: 'Certificate', count: '?' },
  certificateRequest: { tag: 'CertificateRequest', count: '?', of: 'CertificateRequest', type: 'Structure', since: '2.0' },
  opaqueObject: { tag: 'OpaqueObject', count: '?' },
  pgpKey: { tag: 'PGPKey', count: '?', since: '1.2' },
  privateKey: { tag: 'PrivateKey', count: '?' },
  publicKey: { tag: 'PublicKey', count: '?' },
  secretData: { tag: 'SecretData', count: '?' },
  splitKey: { tag: 'SplitKey', count: '?' },
  symmetricKey: { tag: 'SymmetricKey', count: '?' },
  template: { tag: 'Template', count: '?', until: '1.4' },
} as const

/** The operations that Tresor serves, in the standard's names. Query answers from this table; the server has a handler for each. */
export const operations = {
  Activate: { since: '1.0', clause: '6.1.1', request: { uniqueIdentifier: identifier }, response: { uniqueIdentifier: identified } },
  AddAttribute: {
    since: '1.0',
    clause: '6.1.2',
    request: { uniqueIdentifier: identifier, newAttribute: { carrier: 'attribute', tag: 'NewAttribute', count: '1' } },
    response: { uniqueIdentifier: identified, attribute: { carrier: 'attribute', tag: 'Attribute', count: '?', until: '1.4' } },
  },
  Cancel: {
    since: '1.0',
    clause: '6.1.5',
    request: asynchronous,
    response: { ...asynchronous, cancellationResult: { tag: 'CancellationResult', count: '1' } },
  },
  Create: {
    since: '1.0',
    clause: '6.1.8',
    request: {
      objectType: { tag: 'ObjectType', count: '1' },
      templates: templatesOf('attributes'),
      attributes: { carrier: 'attributes', template: 'TemplateAttribute', tag: 'Attributes', count: '1' },
      protectionStorageMasks: { tag: 'ProtectionStorageMasks', count: '?', since: '2.0' },
    },
    response: {
      objectType: { tag: 'ObjectType', count: '1' },
      uniqueIdentifier: identified,
      attributes: { carrier: 'attributes', template: 'TemplateAttribute', tag: 'Attributes', count: '?', until: '1.4' },
    },
  },
  CreateKeyPair: {
    since: '1.0',
    clause: '6.1.9',
    request: {
      commonTemplates: templatesOf('commonAttributes'),
      commonAttributes: { carrier: 'attributes', template: 'CommonTemplateAttribute', tag: 'CommonAttributes', count: '?' },
      privateKeyTemplates: templatesOf('privateKeyAttributes'),
      privateKeyAttributes: { carrier: 'attributes', template: 'PrivateKeyTemplateAttribute', tag: 'PrivateKeyAttributes', count: '?' },
      publicKeyTemplates: templatesOf('publicKeyAttributes'),
      publicKeyAttributes: { carrier: 'attributes', template: 'PublicKeyTemplateAttribute', tag: 'PublicKeyAttributes', count: '?' },
      commonProtectionStorageMasks: { tag: 'CommonProtectionStorageMasks', of: 'ProtectionStorageMasks', count: '?', since: '2.0' },
      privateProtectionStorageMasks: { tag: 'PrivateProtectionStorageMasks', of: 'ProtectionStorageMasks', count: '?', since: '2.0' },
      publicProtectionStorageMasks: { tag: 'PublicProtectionStorageMasks', of: 'ProtectionStorageMasks', count: '?', since: '2.0' },
    },
    response: {
      privateKeyUniqueIdentifier: { carrier: 'identifier', tag: 'PrivateKeyUniqueIdentifier', count: '1' },
      publicKeyUniqueIdentifier: { carrier: 'identifier', tag: 'PublicKeyUniqueIdentifier', count: '1' },
    },
  },
  Decrypt: {
    since: '1.2',
    clause: '6.1.11',
    request: {
      uniqueIdentifier: identifier,
      cryptographicParameters: parameters,
      data: { ...data, ...dataType },
      ivCounterNonce: { tag: 'IVCounterNonce', count: '?' },
      ...stream,
      additionalData: { tag: 'AuthenticatedEncryptionAdditionalData', count: '?', since: '1.4' },
      tag: { tag: 'AuthenticatedEncryptionTag', count: '?', since: '1.4' },
    },
    response: { uniqueIdentifier: identified, data: { ...data, ...dataType }, ...streamed },
  },
  DeleteAttribute: {
    since: '1.0',
    clause: '6.1.13',
    request: {
      uniqueIdentifier: identifier,
      currentAttribute: { carrier: 'attribute', tag: 'CurrentAttribute', count: '?', since: '2.0' },
      reference: { carrier: 'reference', tag: 'AttributeReference', count: '?' },
      attributeIndex: { tag: 'AttributeIndex', count: '?', until: '1.4' },
    },
    response: { uniqueIdentifier: identified, attribute: { carrier: 'attribute', tag: 'Attribute', count: '?', until: '1.4' } },
  },
  DeriveKey: {
    since: '1.0',
    clause: '6.1.14',
    request: {
      objectType: { tag: 'ObjectType', count: '1' },
      uniqueIdentifiers: { carrier: 'identifier', tag: 'UniqueIdentifier', count: '+' },
      derivationMethod: { tag: 'DerivationMethod', count: '1' },
      derivationParameters: { tag: 'DerivationParameters', count: '1' },
      templates: templatesOf('attributes'),
      attributes: { carrier: 'attributes', template: 'TemplateAttribute', tag: 'Attributes', count: '1' },
    },
    response: {
      uniqueIdentifier: identified,
      attributes: { carrier: 'attributes', template: 'TemplateAttribute', tag: 'Attributes', count: '?', until: '1.4' },
    },
  },
  Destroy: { since: '1.0', clause: '6.1.15', request: { uniqueIdentifier: identifier }, response: { uniqueIdentifier: identified } },
  DiscoverVersions: {
    since: '1.1',
    clause: '6.1.16',
    request: { protocolVersions: { tag: 'ProtocolVersion', count: '*' } },
    response: { protocolVersions: { tag: 'ProtocolVersion', count: '*' } },
  },
  Encrypt: {
    since: '1.2',
    clause: '6.1.17',
    request: {
      uniqueIdentifier: identifier,
      cryptographicParameters: parameters,
      data: { ...data, ...dataType },
      ivCounterNonce: { tag: 'IVCounterNonce', count: '?' },
      ...stream,
      additionalData: { tag: 'AuthenticatedEncryptionAdditionalData', count: '?', since: '1.4' },
    },
    response: {
      uniqueIdentifier: identified,
      data: { ...data, ...dataType },
      ivCounterNonce: { tag: 'IVCounterNonce', count: '?' },
      ...streamed,
      tag: { tag: 'AuthenticatedEncryptionTag', count: '?', since: '1.4' },
    },
  },
  Get: {
    since: '1.0',
    clause: '6.1.19',
    request: {
      uniqueIdentifier: identifier,
      keyFormatType: { tag: 'KeyFormatType', count: '?' },
      keyWrapType: { tag: 'KeyWrapType', count: '?', since: '1.4' },
      keyCompressionType: { tag: 'KeyCompressionType', count: '?' },
      keyWrappingSpecification: { tag: 'KeyWrappingSpecification', count: '?' },
    },
    response: { objectType: { tag: 'ObjectType', count: '1' }, uniqueIdentifier: identified, ...objects },
  },
  GetAttributeList: {
    since: '1.0',
    clause: '6.1.21',
    request: { uniqueIdentifier: identifier },
    response: { uniqueIdentifier: identified, references: { carrier: 'references', tag: 'AttributeReference', count: '*' } },
  },
  GetAttributes: {
    since: '1.0',
    clause: '6.1.20',
    request: { uniqueIdentifier: identifier, references: { carrier: 'references', tag: 'AttributeReference', count: '*' } },
    response: { uniqueIdentifier: identified, attributes: { carrier: 'attributeList', tag: 'Attributes', count: '1' } },
  },
  Hash: {
    since: '1.2',
    clause: '6.1.24',
    request: { cryptographicParameters: { tag: 'CryptographicParameters', count: '?' }, data: { ...data, ...dataType }, ...stream },
    response: { data: { ...data, ...dataType }, ...streamed },
  },
  Locate: {
    since: '1.0',
    clause: '6.1.28',
    request: {
      maximumItems: { tag: 'MaximumItems', count: '?' },
      offsetItems: { tag: 'OffsetItems', count: '?', since: '1.3' },
      storageStatusMask: { tag: 'StorageStatusMask', count: '?' },
      objectGroupMember: { tag: 'ObjectGroupMember', count: '?', since: '1.1' },
      attributes: { carrier: 'attributeList', tag: 'Attributes', count: '1' },
    },
    response: {
      locatedItems: { tag: 'LocatedItems', count: '?', since: '1.3' },
      uniqueIdentifiers: { carrier: 'identifier', tag: 'UniqueIdentifier', count: '*' },
    },
  },
  Login: {
    since: '2.0',
    clause: '6.1.30',
    request: {
      leaseTime: { carrier: 'lease', tag: 'LeaseTime', count: '?' },
      requestCount: { tag: 'RequestCount', count: '?' },
      usageLimits: { tag: 'UsageLimits', count: '?' },
    },
    response: { ticket: { tag: 'Ticket', count: '1' } },
  },
  Logout: { since: '2.0', clause: '6.1.31', request: { ticket: { tag: 'Ticket', count: '1' } }, response: {} },
  MAC: {
    since: '1.2',
    clause: '6.1.32',
    request: { uniqueIdentifier: identifier, cryptographicParameters: parameters, data: { ...data, ...dataType }, ...stream },
    response: { uniqueIdentifier: identified, macData: { tag: 'MACData', count: '?' }, ...streamed },
  },
  MACVerify: {
    since: '1.2',
    clause: '6.1.33',
    request: {
      uniqueIdentifier: identifier,
      cryptographicParameters: parameters,
      data: { ...data, ...dataType },
      macData: { tag: 'MACData', count: '?' },
      ...stream,
    },
    response: { uniqueIdentifier: identified, validityIndicator: { tag: 'ValidityIndicator', count: '?' }, ...streamed },
  },
  ModifyAttribute: {
    since: '1.0',
    clause: '6.1.34',
    request: {
      uniqueIdentifier: identifier,
      currentAttribute: { carrier: 'attribute', tag: 'CurrentAttribute', count: '?', since: '2.0' },
      newAttribute: { carrier: 'attribute', tag: 'NewAttribute', count: '1' },
    },
    response: { uniqueIdentifier: identified, attribute: { carrier: 'attribute', tag: 'Attribute', count: '?', until: '1.4' } },
  },
  /** Answered by the Batch Item of the operation that was asked for. */
  Poll: { since: '1.0', clause: '6.1.38', request: asynchronous, response: {} },
  Process: {
    since: '2.1',
    clause: '6.1.39',
    request: asynchronous,
    response: { asynchronousCorrelationValue: { tag: 'AsynchronousCorrelationValue', count: '?' } },
  },
  Query: {
    since: '1.0',
    clause: '6.1.40',
    request: { queryFunctions: { tag: 'QueryFunction', count: '+' } },
    response: {
      operations: { tag: 'Operation', count: '*' },
      objectTypes: { tag: 'ObjectType', count: '*' },
      vendorIdentification: { tag: 'VendorIdentification', count: '?' },
      serverInformation: { tag: 'ServerInformation', count: '?' },
      applicationNamespaces: { tag: 'ApplicationNamespace', count: '*' },
      extensionInformation: { tag: 'ExtensionInformation', count: '*', since: '1.1' },
      attestationTypes: { tag: 'AttestationType', count: '*', since: '1.2' },
      rngParameters: { tag: 'RNGParameters', count: '*', since: '1.3' },
      profileInformation: { tag: 'ProfileInformation', count: '*', since: '1.3' },
      validationInformation: { tag: 'ValidationInformation', count: '*', since: '1.3' },
      capabilityInformation: { tag: 'CapabilityInformation', count: '*', since: '1.3' },
      clientRegistrationMethods: { tag: 'ClientRegistrationMethod', count: '*', since: '1.3' },
      defaultsInformation: { tag: 'DefaultsInformation', count: '?', since: '2.0' },
      protectionStorageMasks: { tag: 'ProtectionStorageMasks', count: '?', since: '2.0' },
    },
  },
  QueryAsynchronousRequests: {
    since: '2.1',
    clause: '6.1.41',
    request: {
      asynchronousCorrelationValues: { tag: 'AsynchronousCorrelationValues', count: '?' },
      operations: { tag: 'Operations', count: '?' },
    },
    response: { asynchronousRequests: { tag: 'AsynchronousRequest', count: '*' } },
  },
  Register: {
    since: '1.0',
    clause: '6.1.43',
    request: {
      objectType: { tag: 'ObjectType', count: '1' },
      templates: templatesOf('attributes'),
      attributes: { carrier: 'attributes', template: 'TemplateAttribute', tag: 'Attributes', count: '1' },
      ...objects,
      protectionStorageMasks: { tag: 'ProtectionStorageMasks', count: '?', since: '2.0' },
    },
    response: {
      uniqueIdentifier: identified,
      attributes: { carrier: 'attributes', template: 'TemplateAttribute', tag: 'Attributes', count: '?', until: '1.4' },
    },
  },
  Revoke: {
    since: '1.0',
    clause: '6.1.44',
    request: {
      uniqueIdentifier: identifier,
      revocationReason: { tag: 'RevocationReason', count: '1' },
      compromiseOccurrenceDate: { tag: 'CompromiseOccurrenceDate', count: '?' },
    },
    response: { uniqueIdentifier: identified },
  },
  RNGRetrieve: {
    since: '1.2',
    clause: '6.1.49',
    request: { dataLength: { tag: 'DataLength', count: '1' } },
    response: { data: { tag: 'Data', count: '1', ...dataType } },
  },
  Sign: {
    since: '1.2',
    clause: '6.1.55',
    request: {
      uniqueIdentifier: identifier,
      cryptographicParameters: parameters,
      data: { ...data, ...dataType },
      digestedData: { tag: 'DigestedData', count: '?', since: '1.4' },
      ...stream,
    },
    response: { uniqueIdentifier: identified, signatureData: { tag: 'SignatureData', count: '?' }, ...streamed },
  },
  SignatureVerify: {
    since: '1.2',
    clause: '6.1.56',
    request: {
      uniqueIdentifier: identifier,
      cryptographicParameters: parameters,
      data: { ...data, ...dataType },
      digestedData: { tag: 'DigestedData', count: '?', since: '1.4' },
      signatureData: { tag: 'SignatureData', count: '?' },
      ...stream,
    },
    response: {
      uniqueIdentifier: identified,
      validityIndicator: { tag: 'ValidityIndicator', count: '?' },
      data: { ...data, ...dataType },
      ...streamed,
    },
  },
} as const satisfies Record<string, OperationRow>

export type OperationName = keyof typeof operations
