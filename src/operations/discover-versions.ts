import type { RequestPayload, ResponsePayload, StructureValue } from '../../spec/values.ts'
import type { Context } from './context.ts'

/**
 * Discover Versions (KMIP 2.1 §6.1.16): the versions that this server answers, most wanted first; of those that the client lists,
 * where it lists any. Nothing in common is a success with an empty list.
 */
export async function discoverVersions(
  context: Context,
  request: RequestPayload<'DiscoverVersions'>,
): Promise<ResponsePayload<'DiscoverVersions'>> {
  const served = context.server.versions.map(versionParts)
  const { protocolVersions: known } = request
  if (known.length === 0) return { protocolVersions: served }
  return {
    protocolVersions: served.filter((version) => known.some((each) => each.major === version.major && each.minor === version.minor)),
  }
}

function versionParts(version: string): StructureValue<'ProtocolVersion'> {
  const [major, minor] = version.split('.').map(Number)
  return { major: major as number, minor: minor as number }
}
