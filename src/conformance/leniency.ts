/** What may differ between an expected and a real answer: the profiles' comparison rules as tables (KMIP Profiles 2.1 §4.1, rule numbers in comments). */

/** The value may be any of its type: it is the server's to choose. */
export const freeValues: ReadonlySet<string> = new Set([
  'UniqueIdentifier', // 1
  'PrivateKeyUniqueIdentifier', // 2
  'PublicKeyUniqueIdentifier', // 3
  'ShortUniqueIdentifier', // follows from 1
  'AsynchronousCorrelationValue', // 5
  'TimeStamp', // 6
  'LinkedObjectIdentifier', // 10
  'DigestValue', // 11, 13
  'ServerCorrelationValue', // 19
  'ClientCorrelationValue', // 20
  'ResultMessage',
  'VendorIdentification',
  'ObjectGroup',
  'LeaseTime',
])

/** Dates that are the server's unless a request of the case fixed the same one (rule 9). */
export const serverDates: ReadonlySet<string> = new Set([
  'ActivationDate',
  'ArchiveDate',
  'CompromiseDate',
  'CompromiseOccurrenceDate',
  'DeactivationDate',
  'DestroyDate',
  'InitialDate',
  'LastChangeDate',
  'OriginalCreationDate',
  'ProcessStartDate',
  'ProtectStopDate',
  'ValidityDate',
  'TimeStamp',
])

/** Elements whose contents are the server's own. */
export const freeContents: ReadonlySet<string> = new Set([
  'ServerInformation',
  'RNGParameters',
  'RandomNumberGenerator',
  'ExtensionInformation',
])

/** Attributes of 1.x, by their Attribute Name, whose value is the server's own. */
export const freeAttributes: ReadonlySet<string> = new Set(['Random Number Generator'])

/** Elements that may be missing, or stand where none was expected. */
export const mayComeOrGo: ReadonlySet<string> = new Set([
  'ResultMessage',
  'ServerCorrelationValue',
  'ClientCorrelationValue',
  'LocatedItems',
  'TemplateAttribute',
  'PrivateKeyTemplateAttribute',
  'PublicKeyTemplateAttribute',
  'MessageExtension',
])

/** Runs of elements in which more may stand than were expected, in any order: attributes (21) and what Query lists (14 to 17). */
export const mayHaveMore: ReadonlySet<string> = new Set([
  'Attribute',
  'AttributeName',
  'AttributeReference',
  'Operation',
  'ObjectType',
  'ApplicationNamespace',
  'ExtensionInformation',
  'ProfileInformation',
  'RNGParameters',
  'ValidationInformation',
  'ClientRegistrationMethod',
  'ProtocolVersion',
  'AttestationType',
])

/** Structures whose children are attributes: free in order, and more may come (21). */
export const attributeBags: ReadonlySet<string> = new Set(['Attributes', 'TemplateAttribute', 'NewAttribute', 'CurrentAttribute'])

/** Output that differs each time when the object was made by the server or the operation is variable by nature (7, 8). */
export const variableOutput: ReadonlySet<string> = new Set([
  'KeyMaterial',
  'Data',
  'SignatureData',
  'MACData',
  'IVCounterNonce',
  'AuthenticatedEncryptionTag',
  'KeyValue',
  'MACSignature',
])

/** Enumerations that the server chooses (12, 13). */
export const serverChoices: ReadonlySet<string> = new Set(['KeyFormatType', 'HashingAlgorithm'])
