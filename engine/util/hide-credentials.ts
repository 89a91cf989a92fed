/**
 * Puts a star for every character of user names, passwords and tokens in addresses, so that a line of somebody's file
 * can be shown: `https://***:***@host/?token=***`. Every column stays where it is.
 */
export function hideCredentials(text: string): string {
  const stars = (_: string, before: string, secret: string): string => before + '*'.repeat(secret.length)
  return text
    .replace(/(:\/\/)([^\s/"'`]+)(?=@)/g, stars)
    .replace(/([?&][\w-]*(?:key|token|secret|sig|signature|pass|password|auth)=)([^\s&#"'`]+)/gi, stars)
}
