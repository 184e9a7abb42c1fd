import type { AttributeName, attributes } from './attributes.ts'
import type { EnumerationName, EnumerationValue } from './enumerations.ts'
import type { ItemType, RawItem } from './item-types.ts'
import type { OperationName, operations } from './operations.ts'
import type { CarrierRow, Count, ElementRow, FieldRow, StructureName, StructureRow, structures } from './structures.ts'
import type { TagName, tags } from './tags.ts'

/** The types of the one internal form, derived from the tables: what handlers receive and answer, whatever version the client speaks. */

/**
 * A Unique Identifier as a request may give it (KMIP 2.1 §4.58): the identifier itself, a placeholder, or the n-th identifier of this batch's answers.
 * The dispatcher resolves the last two before a handler runs.
 */
export type Identifier = string | { readonly placeholder: EnumerationValue<'UniqueIdentifier'> } | { readonly position: number }

/** How long a ticket is to hold: seconds from now, or until a time in seconds since 1970 (KMIP 2.1 §6.1.30). */
export type Lease = { readonly seconds: number } | { readonly until: number }

/** Key Value (KMIP 2.1 §3.18): wrapped bytes, or Key Material with the attributes that came in the same structure. */
export type KeyValue =
  | { readonly wrapped: Uint8Array }
  | { readonly keyMaterial: KeyMaterial; readonly attributes: readonly AttributeInstance[] }

/** Bytes, or the structure that the Key Format Type names. */
export type KeyMaterial = Uint8Array | TransparentKeyMaterial

type TransparentName = Extract<StructureName, `Transparent${string}`>
export type TransparentKeyMaterial = { [N in TransparentName]: { readonly format: N } & StructureValue<N> }[TransparentName]

/** Key Block (KMIP 2.1 §3.3). Without a Key Value it stands for an object whose key lies elsewhere. */
export interface KeyBlock {
  readonly keyFormatType: EnumerationValue<'KeyFormatType'>
  readonly keyCompressionType?: EnumerationValue<'KeyCompressionType'> | undefined
  readonly keyValue?: KeyValue | undefined
  readonly cryptographicAlgorithm?: EnumerationValue<'CryptographicAlgorithm'> | undefined
  readonly cryptographicLength?: number | undefined
  readonly keyWrappingData?: StructureValue<'KeyWrappingData'> | undefined
}

type TagRowOf<T extends TagName> = (typeof tags)[T]
type ValuesOf<T extends TagName> = TagRowOf<T> extends { readonly values: infer V } ? V : T

type OfType<I extends ItemType, T extends TagName> = I extends 'Enumeration'
  ? ValuesOf<T> extends EnumerationName
    ? EnumerationValue<ValuesOf<T>>
    : number
  : I extends 'Integer' | 'Interval' | 'DateTime'
    ? number
    : I extends 'LongInteger' | 'DateTimeExtended'
      ? bigint
      : I extends 'Boolean'
        ? boolean
        : I extends 'ByteString' | 'BigInteger'
          ? Uint8Array
          : I extends 'Structure'
            ? T extends StructureName
              ? StructureValue<T>
              : RawItem
            : string

type ElementValue<R extends ElementRow> = R extends { readonly variants: Readonly<Record<string, infer S>> }
  ? S extends StructureName
    ? StructureValue<S>
    : never
  : R extends { readonly of: infer S extends StructureName }
    ? StructureValue<S>
    : R['tag'] extends 'AttributeValue' | 'VendorExtension'
      ? RawItem
      : R extends { readonly type: infer I extends ItemType }
        ? OfType<I, R['tag']>
        : OfType<TagRowOf<R['tag']>['type'], R['tag']>

type CarrierValue<C extends CarrierRow['carrier']> = C extends 'attribute'
  ? AttributeInstance
  : C extends 'reference'
    ? AttributeReference
    : C extends 'identifier'
      ? Identifier
      : C extends 'keyBlock'
        ? KeyBlock
        : C extends 'lease'
          ? Lease
          : never

type Counted<V, C extends Count> = C extends '*' | '+' ? readonly V[] : V

type FieldValue<R extends FieldRow> = R extends CarrierRow
  ? R['carrier'] extends 'attributes' | 'attributeList'
    ? readonly AttributeInstance[]
    : R['carrier'] extends 'references' | 'names'
      ? readonly AttributeReference[]
      : R['carrier'] extends 'templates'
        ? readonly StructureValue<'Name'>[]
        : Counted<CarrierValue<R['carrier']>, R['count']>
  : R extends ElementRow
    ? Counted<ElementValue<R>, R['count']>
    : never

type OptionalKeys<S extends StructureRow> = { [K in keyof S]: S[K]['count'] extends '?' ? K : never }[keyof S]

/** The value of a structure's row: optional fields may be absent, repeated fields are arrays (empty when none came). */
export type ValueOf<S extends StructureRow> = { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: FieldValue<S[K]> } & {
  readonly [K in OptionalKeys<S>]?: FieldValue<S[K]> | undefined
}

export type StructureValue<N extends StructureName> = ValueOf<(typeof structures)[N]>

/** In a request a handler sees identifiers resolved: `uniqueIdentifier` is there and is a string when the operation's table row needs an object. */
export type RequestPayload<O extends OperationName> = ValueOf<(typeof operations)[O]['request']>
export type ResponsePayload<O extends OperationName> = ValueOf<(typeof operations)[O]['response']>

type AttributeTag<N extends AttributeName> = (typeof attributes)[N] extends { readonly tag: infer T extends TagName }
  ? T
  : N extends TagName
    ? N
    : never

/** The value of an attribute. Dates are seconds since 1970, masks are numbers, enumerations are names. */
export type AttributeValue<N extends AttributeName> = N extends 'CertificateSubject' | 'CertificateIssuer' | 'CertificateIdentifier'
  ? StructureValue<N>
  : N extends 'UniqueIdentifier'
    ? string
    : OfType<TagRowOf<AttributeTag<N>>['type'], AttributeTag<N>>

/**
 * One instance of an attribute. `index` is the Attribute Index of 1.x (KMIP 1.4 §2.1.1): given by the server, kept when others go.
 * A request of 2.x has none.
 */
export type AttributeInstance = {
  [N in AttributeName]: { readonly name: N; readonly index?: number | undefined; readonly value: AttributeValue<N> }
}[AttributeName]

/** An attribute by name; a vendor attribute (1.x: `x-name`, `y-name`, or any name outside the standard) by its vendor and name. */
export type AttributeReference = AttributeName | { readonly vendorIdentification: string; readonly attributeName: string }
