import { z } from 'zod'

const path = z.string().min(1).meta({ format: 'path' })

/** What a node's configuration may say of a partition on a token; it wins over the partition's definition. */
export const partitionPlaceSchema = z.strictObject({
  module: path.optional().describe("Path of the vendor's PKCS#11 library on this node."),
  pinFile: path.optional().describe("File with the token's PIN on this node, readable by its owner alone (mode 0600)."),
  token: z
    .string()
    .min(1)
    .optional()
    .describe("Label of this node's own token, to which the partition's keys were carried (`tresor partition request-kek`)."),
  serial: z.string().min(1).optional().describe("That token's serial number, where two have one label."),
  parameters: z.string().min(1).optional().describe('What the library is told at its start on this node.'),
  streams: z
    .int()
    .min(1)
    .max(4096)
    .optional()
    .describe('Cryptographic operations in parts at a time, each of which takes one of the token’s sessions; 32 unless said.'),
})
