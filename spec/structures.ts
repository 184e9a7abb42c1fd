import type { ItemType } from './item-types.ts'
import type { TagName } from './tags.ts'
import type { Version } from './versions.ts'

/** How often a field stands: once, at most once, any number, at least once. */
export type Count = '1' | '?' | '*' | '+'

interface Since {
  readonly since?: Version
  readonly until?: Version
}

/** A field that is one element (or a run of elements) of one tag. */
export interface ElementRow extends Since {
  readonly tag: TagName
  readonly count: Count
  /** The structure of the value, where it is not named like the tag. */
  readonly of?: string
  /** The value's type, where it is not the tag's usual one. */
  readonly type?: ItemType
  /** The structure depends on an earlier field of the same structure: its value's name to a structure's name. */
  readonly by?: string
  readonly variants?: Readonly<Record<string, string>>
}

/**
 * A field whose form on the wire broke between 1.x and 2.x, or has several types; the internal form is one (KMIP 1.4 §2.1.8, KMIP 2.1 §5).
 * - `attributes`: a Template-Attribute structure in 1.x, a structure of attributes in 2.x
 * - `attributeList`: a run of Attribute in 1.x, an Attributes structure in 2.x
 * - `attribute`: one Attribute in 1.x, a structure that holds one attribute in 2.x
 * - `references`, `reference`: Attribute Name in 1.x, Attribute Reference in 2.x
 * - `names`: Attribute Name in every version (Key Wrapping Specification, KMIP 2.1 §7.18)
 * - `templates`: the names of Templates (KMIP 1.4 §2.1.8) at the head of the Template-Attribute that is also read as the field `beside`
 * - `identifier`: Text String in 1.x; Text String, Enumeration or Integer in 2.x (KMIP 2.1 §4.58)
 * - `keyBlock`: a Key Block, whose Key Material has the structure that its Key Format Type names
 * - `lease`: Interval or Date-Time (KMIP 2.1 §6.1.30)
 */
export interface CarrierRow extends Since {
  readonly carrier:
    | 'attributes'
    | 'attributeList'
    | 'attribute'
    | 'references'
    | 'reference'
    | 'names'
    | 'templates'
    | 'identifier'
    | 'keyBlock'
    | 'lease'
  /** The tag in 1.x (for `attributes`). */
  readonly template?: TagName
  /** The tag in 2.x, or in all versions. */
  readonly tag: TagName
  /** The sibling field of the same structure that holds the attributes (for `templates`). */
  readonly beside?: string
  readonly count: Count
}

export type FieldRow = ElementRow | CarrierRow
export type StructureRow = Readonly<Record<string, FieldRow>>

/** RNG Parameters (KMIP 2.1 §7.36), and the attribute Random Number Generator, which has the same fields under its own tag (§4.46). */
const rngParameters = {
  rngAlgorithm: { tag: 'RNGAlgorithm', count: '1' },
  cryptographicAlgorithm: { tag: 'CryptographicAlgorithm', count: '?' },
  cryptographicLength: { tag: 'CryptographicLength', count: '?' },
  hashingAlgorithm: { tag: 'HashingAlgorithm', count: '?' },
  drbgAlgorithm: { tag: 'DRBGAlgorithm', count: '?' },
  recommendedCurve: { tag: 'RecommendedCurve', count: '?' },
  fips186Variation: { tag: 'FIPS186Variation', count: '?' },
  predictionResistance: { tag: 'PredictionResistance', count: '?' },
} as const

/**
 * The structures of the protocol: fields in the order in which they stand on the wire, under the names that the code uses.
 * A tag of type Structure that is not listed here is carried as it came.
 */
export const structures = {
  // Attributes (KMIP 2.1 §4)
  AlternativeName: { value: { tag: 'AlternativeNameValue', count: '1' }, type: { tag: 'AlternativeNameType', count: '1' } },
  ApplicationSpecificInformation: { namespace: { tag: 'ApplicationNamespace', count: '1' }, data: { tag: 'ApplicationData', count: '?' } },
  CertificateIdentifier: { issuer: { tag: 'Issuer', count: '1' }, serialNumber: { tag: 'SerialNumber', count: '?' } },
  CertificateIssuer: {
    distinguishedName: { tag: 'CertificateIssuerDistinguishedName', count: '1' },
    alternativeNames: { tag: 'CertificateIssuerAlternativeName', count: '*' },
  },
  CertificateSubject: {
    distinguishedName: { tag: 'CertificateSubjectDistinguishedName', count: '1' },
    alternativeNames: { tag: 'CertificateSubjectAlternativeName', count: '*' },
  },
  CryptographicDomainParameters: { qLength: { tag: 'Qlength', count: '?' }, recommendedCurve: { tag: 'RecommendedCurve', count: '?' } },
  CryptographicParameters: {
    blockCipherMode: { tag: 'BlockCipherMode', count: '?' },
    paddingMethod: { tag: 'PaddingMethod', count: '?' },
    hashingAlgorithm: { tag: 'HashingAlgorithm', count: '?' },
    keyRoleType: { tag: 'KeyRoleType', count: '?' },
    digitalSignatureAlgorithm: { tag: 'DigitalSignatureAlgorithm', count: '?', since: '1.2' },
    cryptographicAlgorithm: { tag: 'CryptographicAlgorithm', count: '?', since: '1.2' },
    randomIv: { tag: 'RandomIV', count: '?', since: '1.2' },
    ivLength: { tag: 'IVLength', count: '?', since: '1.2' },
    tagLength: { tag: 'TagLength', count: '?', since: '1.2' },
    fixedFieldLength: { tag: 'FixedFieldLength', count: '?', since: '1.2' },
    invocationFieldLength: { tag: 'InvocationFieldLength', count: '?', since: '1.2' },
    counterLength: { tag: 'CounterLength', count: '?', since: '1.2' },
    initialCounterValue: { tag: 'InitialCounterValue', count: '?', since: '1.2' },
    saltLength: { tag: 'SaltLength', count: '?', since: '1.4' },
    maskGenerator: { tag: 'MaskGenerator', count: '?', since: '1.4' },
    maskGeneratorHashingAlgorithm: { tag: 'MaskGeneratorHashingAlgorithm', count: '?', since: '1.4' },
    pSource: { tag: 'PSource', count: '?', since: '1.4' },
    trailerField: { tag: 'TrailerField', count: '?', since: '1.4' },
  },
  DerivationParameters: {
    cryptographicParameters: { tag: 'CryptographicParameters', count: '?' },
    initializationVector: { tag: 'InitializationVector', count: '?' },
    derivationData: { tag: 'DerivationData', count: '*' },
    salt: { tag: 'Salt', count: '?' },
    iterationCount: { tag: 'IterationCount', count: '?' },
  },
  Digest: {
    hashingAlgorithm: { tag: 'HashingAlgorithm', count: '1' },
    digestValue: { tag: 'DigestValue', count: '?' },
    keyFormatType: { tag: 'KeyFormatType', count: '?', since: '1.1' },
  },
  KeyValueLocation: { value: { tag: 'KeyValueLocationValue', count: '1' }, type: { tag: 'KeyValueLocationType', count: '1' } },
  Link: {
    linkType: { tag: 'LinkType', count: '1' },
    linkedObjectIdentifier: { carrier: 'identifier', tag: 'LinkedObjectIdentifier', count: '1' },
  },
  Name: { value: { tag: 'NameValue', count: '1' }, type: { tag: 'NameType', count: '1' } },
  RandomNumberGenerator: rngParameters,
  RevocationReason: { code: { tag: 'RevocationReasonCode', count: '1' }, message: { tag: 'RevocationMessage', count: '?' } },
  RNGParameters: rngParameters,
  RotateName: { type: { tag: 'RotateNameType', count: '1' }, value: { tag: 'RotateNameValue', count: '1' } },
  UsageLimits: {
    total: { tag: 'UsageLimitsTotal', count: '1' },
    count: { tag: 'UsageLimitsCount', count: '?' },
    unit: { tag: 'UsageLimitsUnit', count: '1' },
  },
  Attribute: {
    vendorIdentification: { tag: 'VendorIdentification', count: '1' },
    attributeName: { tag: 'AttributeName', count: '1' },
    attributeValue: { tag: 'AttributeValue', count: '1' },
  },
  X_509CertificateIdentifier: {
    issuerDistinguishedName: { tag: 'IssuerDistinguishedName', count: '1' },
    serialNumber: { tag: 'CertificateSerialNumber', count: '1' },
  },
  X_509CertificateIssuer: {
    distinguishedName: { tag: 'IssuerDistinguishedName', count: '1' },
    alternativeNames: { tag: 'IssuerAlternativeName', count: '*' },
  },
  X_509CertificateSubject: {
    distinguishedName: { tag: 'SubjectDistinguishedName', count: '1' },
    alternativeNames: { tag: 'SubjectAlternativeName', count: '*' },
  },

  // Managed Objects (KMIP 2.1 §2, §3)
  Certificate: { certificateType: { tag: 'CertificateType', count: '1' }, certificateValue: { tag: 'CertificateValue', count: '1' } },
  CertificateRequest: {
    certificateRequestType: { tag: 'CertificateRequestType', count: '1' },
    certificateRequestValue: { tag: 'CertificateRequestValue', count: '1' },
  },
  OpaqueObject: { opaqueDataType: { tag: 'OpaqueDataType', count: '1' }, opaqueDataValue: { tag: 'OpaqueDataValue', count: '1' } },
  PGPKey: { pgpKeyVersion: { tag: 'PGPKeyVersion', count: '1' }, keyBlock: { carrier: 'keyBlock', tag: 'KeyBlock', count: '1' } },
  PrivateKey: { keyBlock: { carrier: 'keyBlock', tag: 'KeyBlock', count: '1' } },
  PublicKey: { keyBlock: { carrier: 'keyBlock', tag: 'KeyBlock', count: '1' } },
  SecretData: { secretDataType: { tag: 'SecretDataType', count: '1' }, keyBlock: { carrier: 'keyBlock', tag: 'KeyBlock', count: '1' } },
  SplitKey: {
    splitKeyParts: { tag: 'SplitKeyParts', count: '1' },
    keyPartIdentifier: { tag: 'KeyPartIdentifier', count: '1' },
    splitKeyThreshold: { tag: 'SplitKeyThreshold', count: '1' },
    splitKeyMethod: { tag: 'SplitKeyMethod', count: '1' },
    primeFieldSize: { tag: 'PrimeFieldSize', count: '?' },
    keyBlock: { carrier: 'keyBlock', tag: 'KeyBlock', count: '1' },
  },
  SymmetricKey: { keyBlock: { carrier: 'keyBlock', tag: 'KeyBlock', count: '1' } },
  /** A Template is a bag of attributes (KMIP 1.4 §2.2.6; gone in 2.0). */
  Template: { attributes: { carrier: 'attributeList', tag: 'Attributes', count: '1' } },

  // Key wrapping (KMIP 2.1 §3.22 to §3.24)
  EncryptionKeyInformation: {
    uniqueIdentifier: { carrier: 'identifier', tag: 'UniqueIdentifier', count: '1' },
    cryptographicParameters: { tag: 'CryptographicParameters', count: '?' },
  },
  MACSignatureKeyInformation: {
    uniqueIdentifier: { carrier: 'identifier', tag: 'UniqueIdentifier', count: '1' },
    cryptographicParameters: { tag: 'CryptographicParameters', count: '?' },
  },
  KeyWrappingData: {
    wrappingMethod: { tag: 'WrappingMethod', count: '1' },
    encryptionKeyInformation: { tag: 'EncryptionKeyInformation', count: '?' },
    macSignatureKeyInformation: { tag: 'MACSignatureKeyInformation', count: '?' },
    macSignature: { tag: 'MACSignature', count: '?' },
    ivCounterNonce: { tag: 'IVCounterNonce', count: '?' },
    encodingOption: { tag: 'EncodingOption', count: '?', since: '1.1' },
  },
  KeyWrappingSpecification: {
    wrappingMethod: { tag: 'WrappingMethod', count: '1' },
    encryptionKeyInformation: { tag: 'EncryptionKeyInformation', count: '?' },
    macSignatureKeyInformation: { tag: 'MACSignatureKeyInformation', count: '?' },
    attributeNames: { carrier: 'names', tag: 'AttributeName', count: '*' },
    encodingOption: { tag: 'EncodingOption', count: '?', since: '1.1' },
  },

  // Transparent Key Material, named like its Key Format Type (KMIP 2.1 §3.5 to §3.13, KMIP 1.4 §2.1.7)
  TransparentSymmetricKey: { key: { tag: 'Key', count: '1' } },
  TransparentDSAPrivateKey: {
    p: { tag: 'P', count: '1' },
    q: { tag: 'Q', count: '1' },
    g: { tag: 'G', count: '1' },
    x: { tag: 'X', count: '1' },
  },
  TransparentDSAPublicKey: {
    p: { tag: 'P', count: '1' },
    q: { tag: 'Q', count: '1' },
    g: { tag: 'G', count: '1' },
    y: { tag: 'Y', count: '1' },
  },
  TransparentRSAPrivateKey: {
    modulus: { tag: 'Modulus', count: '1' },
    privateExponent: { tag: 'PrivateExponent', count: '?' },
    publicExponent: { tag: 'PublicExponent', count: '?' },
    p: { tag: 'P', count: '?' },
    q: { tag: 'Q', count: '?' },
    primeExponentP: { tag: 'PrimeExponentP', count: '?' },
    primeExponentQ: { tag: 'PrimeExponentQ', count: '?' },
    crtCoefficient: { tag: 'CRTCoefficient', count: '?' },
  },
  TransparentRSAPublicKey: { modulus: { tag: 'Modulus', count: '1' }, publicExponent: { tag: 'PublicExponent', count: '1' } },
  TransparentDHPrivateKey: {
    p: { tag: 'P', count: '1' },
    q: { tag: 'Q', count: '?' },
    g: { tag: 'G', count: '1' },
    j: { tag: 'J', count: '?' },
    x: { tag: 'X', count: '1' },
  },
  TransparentDHPublicKey: {
    p: { tag: 'P', count: '1' },
    q: { tag: 'Q', count: '?' },
    g: { tag: 'G', count: '1' },
    j: { tag: 'J', count: '?' },
    y: { tag: 'Y', count: '1' },
  },
  TransparentECPrivateKey: { recommendedCurve: { tag: 'RecommendedCurve', count: '1' }, d: { tag: 'D', count: '1' } },
  TransparentECPublicKey: { recommendedCurve: { tag: 'RecommendedCurve', count: '1' }, qString: { tag: 'QString', count: '1' } },
  TransparentECDSAPrivateKey: { recommendedCurve: { tag: 'RecommendedCurve', count: '1' }, d: { tag: 'D', count: '1' } },
  TransparentECDSAPublicKey: { recommendedCurve: { tag: 'RecommendedCurve', count: '1' }, qString: { tag: 'QString', count: '1' } },
  TransparentECDHPrivateKey: { recommendedCurve: { tag: 'RecommendedCurve', count: '1' }, d: { tag: 'D', count: '1' } },
  TransparentECDHPublicKey: { recommendedCurve: { tag: 'RecommendedCurve', count: '1' }, qString: { tag: 'QString', count: '1' } },
  TransparentECMQVPrivateKey: { recommendedCurve: { tag: 'RecommendedCurve', count: '1' }, d: { tag: 'D', count: '1' } },
  TransparentECMQVPublicKey: { recommendedCurve: { tag: 'RecommendedCurve', count: '1' }, qString: { tag: 'QString', count: '1' } },

  // Message headers (KMIP 2.1 §8, KMIP 1.4 §6)
  ProtocolVersion: { major: { tag: 'ProtocolVersionMajor', count: '1' }, minor: { tag: 'ProtocolVersionMinor', count: '1' } },
  Nonce: { nonceId: { tag: 'NonceID', count: '1' }, nonceValue: { tag: 'NonceValue', count: '1' } },
  Authentication: { credentials: { tag: 'Credential', count: '+' } },
  Credential: {
    credentialType: { tag: 'CredentialType', count: '1' },
    credentialValue: {
      tag: 'CredentialValue',
      count: '1',
      by: 'credentialType',
      variants: {
        UsernameAndPassword: 'UsernameAndPasswordCredential',
        Device: 'DeviceCredentialValue',
        Attestation: 'AttestationCredential',
        OneTimePassword: 'OneTimePasswordCredential',
        HashedPassword: 'HashedPasswordCredentialValue',
        Ticket: 'TicketCredential',
      },
    },
  },
  UsernameAndPasswordCredential: { username: { tag: 'Username', count: '1' }, password: { tag: 'Password', count: '?' } },
  DeviceCredentialValue: {
    deviceSerialNumber: { tag: 'DeviceSerialNumber', count: '?' },
    password: { tag: 'Password', count: '?' },
    deviceIdentifier: { tag: 'DeviceIdentifier', count: '?' },
    networkIdentifier: { tag: 'NetworkIdentifier', count: '?' },
    machineIdentifier: { tag: 'MachineIdentifier', count: '?' },
    mediaIdentifier: { tag: 'MediaIdentifier', count: '?' },
  },
  AttestationCredential: {
    nonce: { tag: 'Nonce', count: '1' },
    attestationType: { tag: 'AttestationType', count: '1' },
    attestationMeasurement: { tag: 'AttestationMeasurement', count: '?' },
    attestationAssertion: { tag: 'AttestationAssertion', count: '?' },
  },
  OneTimePasswordCredential: {
    username: { tag: 'Username', count: '1' },
    password: { tag: 'Password', count: '?' },
    oneTimePassword: { tag: 'OneTimePassword', count: '1' },
  },
  HashedPasswordCredentialValue: {
    username: { tag: 'Username', count: '1' },
    timestamp: { tag: 'TimeStamp', count: '1' },
    hashingAlgorithm: { tag: 'HashingAlgorithm', count: '?' },
    hashedPassword: { tag: 'HashedPassword', count: '1' },
  },
  TicketCredential: { ticket: { tag: 'Ticket', count: '1' } },
  Ticket: { ticketType: { tag: 'TicketType', count: '1' }, ticketValue: { tag: 'TicketValue', count: '1' } },
  // Asynchronous requests (KMIP 2.1 §7)
  AsynchronousCorrelationValues: { values: { tag: 'AsynchronousCorrelationValue', count: '*' } },
  Operations: { operations: { tag: 'Operation', count: '*' } },
  AsynchronousRequest: {
    asynchronousCorrelationValue: { tag: 'AsynchronousCorrelationValue', count: '1' },
    operation: { tag: 'Operation', count: '1' },
    submissionDate: { tag: 'SubmissionDate', type: 'DateTimeExtended', count: '1' },
    processingStage: { tag: 'ProcessingStage', count: '1' },
  },

  MessageExtension: {
    vendorIdentification: { tag: 'VendorIdentification', count: '1' },
    criticalityIndicator: { tag: 'CriticalityIndicator', count: '1' },
    vendorExtension: { tag: 'VendorExtension', count: '1' },
  },

  // Query (KMIP 2.1 §7)
  ServerInformation: {
    serverName: { tag: 'ServerName', count: '?', since: '2.0' },
    serverSerialNumber: { tag: 'ServerSerialNumber', count: '?', since: '2.0' },
    serverVersion: { tag: 'ServerVersion', count: '?', since: '2.0' },
    serverLoad: { tag: 'ServerLoad', count: '?', since: '2.0' },
    productName: { tag: 'ProductName', count: '?', since: '2.0' },
    buildLevel: { tag: 'BuildLevel', count: '?', since: '2.0' },
    buildDate: { tag: 'BuildDate', count: '?', since: '2.0' },
    clusterInfo: { tag: 'ClusterInfo', count: '?', since: '2.0' },
    alternateFailoverEndpoints: { tag: 'AlternateFailoverEndpoints', count: '*', since: '2.0' },
  },
  ExtensionInformation: {
    extensionName: { tag: 'ExtensionName', count: '1' },
    extensionTag: { tag: 'ExtensionTag', count: '?' },
    extensionType: { tag: 'ExtensionType', count: '?' },
  },
  ProfileInformation: {
    profileName: { tag: 'ProfileName', count: '1' },
    profileVersion: { tag: 'ProfileVersion', count: '?', since: '2.0' },
    serverUri: { tag: 'ServerURI', count: '?' },
    serverPort: { tag: 'ServerPort', count: '?' },
  },
  ProfileVersion: { major: { tag: 'ProfileVersionMajor', count: '1' }, minor: { tag: 'ProfileVersionMinor', count: '1' } },
  ValidationInformation: {
    validationAuthorityType: { tag: 'ValidationAuthorityType', count: '1' },
    validationAuthorityCountry: { tag: 'ValidationAuthorityCountry', count: '?' },
    validationAuthorityUri: { tag: 'ValidationAuthorityURI', count: '?' },
    validationVersionMajor: { tag: 'ValidationVersionMajor', count: '1' },
    validationVersionMinor: { tag: 'ValidationVersionMinor', count: '?' },
    validationType: { tag: 'ValidationType', count: '1' },
    validationLevel: { tag: 'ValidationLevel', count: '1' },
    validationCertificateIdentifier: { tag: 'ValidationCertificateIdentifier', count: '?' },
    validationCertificateUri: { tag: 'ValidationCertificateURI', count: '?' },
    validationVendorUri: { tag: 'ValidationVendorURI', count: '?' },
    validationProfiles: { tag: 'ValidationProfile', count: '*' },
  },
  CapabilityInformation: {
    streamingCapability: { tag: 'StreamingCapability', count: '?' },
    asynchronousCapability: { tag: 'AsynchronousCapability', count: '?' },
    attestationCapability: { tag: 'AttestationCapability', count: '?' },
    batchUndoCapability: { tag: 'BatchUndoCapability', count: '?', since: '1.4' },
    batchContinueCapability: { tag: 'BatchContinueCapability', count: '?', since: '1.4' },
    unwrapMode: { tag: 'UnwrapMode', count: '?' },
    destroyAction: { tag: 'DestroyAction', count: '?' },
    shreddingAlgorithm: { tag: 'ShreddingAlgorithm', count: '?' },
    rngMode: { tag: 'RNGMode', count: '?' },
    quantumSafeCapability: { tag: 'QuantumSafeCapability', count: '?', since: '2.0' },
  },
  DefaultsInformation: { objectDefaults: { tag: 'ObjectDefaults', count: '*' } },
  ObjectDefaults: {
    objectType: { tag: 'ObjectType', count: '1' },
    attributes: { carrier: 'attributeList', tag: 'Attributes', count: '1' },
  },
  ProtectionStorageMasks: { masks: { tag: 'ProtectionStorageMask', count: '*' } },
} as const satisfies Record<string, StructureRow>

export type StructureName = keyof typeof structures
