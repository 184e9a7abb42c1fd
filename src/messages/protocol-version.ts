import { KmipError } from '../../spec/kmip-error.ts'
import { tags } from '../../spec/tags.ts'
import { servedVersions, type Version } from '../../spec/versions.ts'
import { type Item, integer, type StructureItem, structure, tagLabel } from '../ttlv/index.ts'

/** The version that a message says it is in. */
export interface SaidVersion {
  readonly major: number
  readonly minor: number
}

const tag = { version: tags.ProtocolVersion.tag, major: tags.ProtocolVersionMajor.tag, minor: tags.ProtocolVersionMinor.tag } as const

/** The Protocol Version at the head of a message's header. @throws KmipError InvalidMessage when there is none. */
export function saidVersion(header: StructureItem): SaidVersion {
  const item = header.value[0]
  if (item === undefined || item.tag !== tag.version || item.type !== 'Structure') {
    throw new KmipError('InvalidMessage', `${tagLabel(header.tag)} does not begin with a Protocol Version`)
  }
  const [major, minor] = item.value
  if (major?.tag !== tag.major || major.type !== 'Integer' || minor?.tag !== tag.minor || minor.type !== 'Integer') {
    throw new KmipError('InvalidMessage', 'Protocol Version does not hold a major and a minor number, both Integers')
  }
  return { major: major.value, minor: minor.value }
}

/** The version to answer in: the same, else the newest served of the same major, else the newest before it, else the oldest. */
export function servedVersion({ major, minor }: SaidVersion): Version {
  return served.get(major * minors + minor) ?? servedBelow(major)
}

/** Whether exactly this version is served: then unknown fields are mistakes and not news (KMIP 1.4 §11.1). */
export function isServed({ major, minor }: SaidVersion): boolean {
  return served.has(major * minors + minor)
}

/** Whether a version of this major number is served. */
export function isServedMajor(major: number): boolean {
  return majors.has(major)
}

export const newestServed: Version = servedVersions[0]

/** The item of a version; one per version, since it stands in every message. */
export function versionItem(version: Version): Item {
  let item = items.get(version)
  if (item === undefined) {
    const [major, minor] = numbersOf(version)
    item = structure('ProtocolVersion', [integer('ProtocolVersionMajor', major), integer('ProtocolVersionMinor', minor)])
    items.set(version, item)
  }
  return item
}

function servedBelow(major: number): Version {
  return servedVersions.find((version) => numbersOf(version)[0] <= major) ?? (servedVersions.at(-1) as Version)
}

function numbersOf(version: Version): [number, number] {
  const [major, minor] = version.split('.').map(Number)
  return [major as number, minor as number]
}

/** Beyond any minor number: makes one number of two. */
const minors = 0x1_0000_0000
const served = new Map<number, Version>(
  servedVersions.map((version) => {
    const [major, minor] = numbersOf(version)
    return [major * minors + minor, version]
  }),
)
const majors = new Set(servedVersions.map((version) => numbersOf(version)[0]))
const items = new Map<Version, Item>()
