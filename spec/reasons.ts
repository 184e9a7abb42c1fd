import { type EnumerationValue, enumerations } from './enumerations.ts'
import { isWithin, type Version } from './versions.ts'

type ResultReason = EnumerationValue<'ResultReason'>

interface Instead {
  /** What is said in versions that do not know the reason. */
  readonly say: ResultReason
  /** The last version that is told this, where it is later than the version before the reason came. */
  readonly through?: Version
}

/**
 * What a client is told whose version lacks a reason. Down: the tables of errors of KMIP 1.4 §11 say what 1.x answers in each case.
 * Up: two reasons that 2.0 dropped. A row may lead to another row, until the version knows the reason.
 */
const insteadOf: Partial<Record<ResultReason, Instead>> = {
  // Gone in 2.0
  IllegalOperation: { say: 'PermissionDenied' },
  IndexOutOfBounds: { say: 'ServerLimitExceeded' },

  // Come in 1.1, 1.2 and 1.4
  EncodingOptionError: { say: 'InvalidField' },
  KeyValueNotPresent: { say: 'IllegalOperation' },
  AttestationRequired: { say: 'PermissionDenied' },
  AttestationFailed: { say: 'PermissionDenied' },
  Sensitive: { say: 'PermissionDenied' },
  NotExtractable: { say: 'PermissionDenied' },
  ObjectAlreadyExists: { say: 'IllegalOperation' },

  // Come in 2.0: the object is not there, or not in the state for it
  ObjectNotFound: { say: 'ItemNotFound' },
  ObjectDestroyed: { say: 'ItemNotFound' },
  WrongKeyLifecycleState: { say: 'PermissionDenied', through: '2.0' },
  UsageLimitExceeded: { say: 'PermissionDenied' },
  IncompatibleCryptographicUsageMask: { say: 'PermissionDenied' },
  WrappingObjectNotFound: { say: 'ItemNotFound' },
  WrappingObjectArchived: { say: 'ObjectArchived' },
  WrappingObjectDestroyed: { say: 'ItemNotFound' },

  // attributes
  AttributeNotFound: { say: 'ItemNotFound' },
  AttributeInstanceNotFound: { say: 'ItemNotFound' },
  AttributeReadOnly: { say: 'PermissionDenied' },
  ReadOnlyAttribute: { say: 'PermissionDenied' },
  AttributeSingleValued: { say: 'IllegalOperation' },
  MultiValuedAttribute: { say: 'InvalidField' },
  UnsupportedAttribute: { say: 'InvalidField' },
  InvalidAttribute: { say: 'InvalidField' },
  InvalidAttributeValue: { say: 'InvalidField' },
  NonUniqueNameAttribute: { say: 'InvalidField' },
  NumericRange: { say: 'InvalidField' },

  // the message and its fields
  CodecError: { say: 'InvalidMessage' },
  InvalidDataType: { say: 'InvalidMessage' },
  UnknownTag: { say: 'InvalidField' },
  UnknownEnumeration: { say: 'InvalidField' },
  UnknownMessageExtension: { say: 'FeatureNotSupported' },
  UnsupportedProtocolVersion: { say: 'InvalidMessage' },
  IllegalObjectType: { say: 'IllegalOperation' },
  InvalidObjectType: { say: 'InvalidField' },
  InvalidCSR: { say: 'InvalidField' },
  KeyWrapTypeNotSupported: { say: 'FeatureNotSupported' },
  InvalidCorrelationValue: { say: 'ItemNotFound' },
  InvalidAsynchronousCorrelationValue: { say: 'ItemNotFound' },
  DuplicateProcessRequest: { say: 'InvalidMessage' },

  // cryptography
  BadCryptographicParameters: { say: 'InvalidField' },
  UnsupportedCryptographicParameters: { say: 'FeatureNotSupported' },
  MissingInitializationVector: { say: 'InvalidMessage' },

  // identity
  BadPassword: { say: 'AuthenticationNotSuccessful' },
  InvalidTicket: { say: 'AuthenticationNotSuccessful' },
  NotAuthorised: { say: 'PermissionDenied' },

  // the server
  InternalServerError: { say: 'GeneralFailure' },
  ServerLimitExceeded: { say: 'GeneralFailure' },
  ProtectionStorageUnavailable: { say: 'GeneralFailure' },
  PrivateProtectionStorageUnavailable: { say: 'ProtectionStorageUnavailable' },
  PublicProtectionStorageUnavailable: { say: 'ProtectionStorageUnavailable' },
  PKCS_11CodecError: { say: 'InvalidMessage' },
  PKCS_11InvalidFunction: { say: 'InvalidField' },
  PKCS_11InvalidInterface: { say: 'InvalidField' },

  // Come in 2.1 and 3.0
  UnknownObjectGroup: { say: 'ItemNotFound' },
  ConstraintViolation: { say: 'InvalidAttributeValue' },
  CircularLinkError: { say: 'InvalidAttributeValue' },
}

/** The reason as a client of this version is told it: always one that the version knows. */
export function reasonIn(version: Version, reason: ResultReason): ResultReason {
  const row: { readonly since: Version; readonly until?: Version } = enumerations.ResultReason[reason]
  const instead = insteadOf[reason]
  const isKnown = isWithin(version, row.since, row.until)
  const isReplaced = instead?.through !== undefined && isWithin(version, '1.0', instead.through)
  if (isKnown && !isReplaced) return reason
  return instead === undefined ? 'GeneralFailure' : reasonIn(version, instead.say)
}
