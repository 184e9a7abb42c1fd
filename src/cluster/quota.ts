/** Bytes that a member's database may take on disk, unless the configuration says otherwise: what etcd's makers advise as the most. */
export const defaultQuota = 8 * 1024 ** 3
