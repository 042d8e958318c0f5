-- Who is in the tenant now, and in which groups. Membership is direct, as Microsoft Graph tells it: a group within a group is a
-- member like any other, and is not opened here.
--
-- Users, groups and members arrive by sources of their own, each in its own time. A member counts while both ends are there: what
-- was removed at the source is marked in its own table first, and its members may be told later, or be kept for its return.
CREATE SCHEMA IF NOT EXISTS INTEGRATIONS.GOLD;

-- Each direct member of each group, whatever it is: MEMBER_NAME is that of a user or group, and NULL for what is not followed,
-- such as devices and service principals.
CREATE VIEW IF NOT EXISTS INTEGRATIONS.GOLD.GROUP_MEMBERS_CURRENT AS
SELECT
  G.ID AS GROUP_ID,
  G.DISPLAY_NAME AS GROUP_NAME,
  M.MEMBER_ID,
  REPLACE(M.MEMBER_TYPE, '#microsoft.graph.', '') AS MEMBER_KIND,
  COALESCE(U.DISPLAY_NAME, U.USER_PRINCIPAL_NAME, N.DISPLAY_NAME) AS MEMBER_NAME
FROM INTEGRATIONS.SILVER.ENTRA_GROUP_MEMBERS AS M
INNER JOIN INTEGRATIONS.SILVER.ENTRA_GROUPS AS G
  ON G.ID = M.OWNER_ID AND G._DELETED_VERSION IS NULL AND G._DQ_VALID
LEFT JOIN INTEGRATIONS.SILVER.ENTRA_USERS AS U
  ON U.ID = M.MEMBER_ID AND U.IS_CURRENT AND U._DQ_VALID
LEFT JOIN INTEGRATIONS.SILVER.ENTRA_GROUPS AS N
  ON N.ID = M.MEMBER_ID AND N._DELETED_VERSION IS NULL AND N._DQ_VALID
WHERE M._DELETED_VERSION IS NULL
  AND M._DQ_VALID
  -- A user or group that is not there any more is no member, whatever was told of it last.
  AND (
    U.ID IS NOT NULL
    OR N.ID IS NOT NULL
    OR COALESCE(M.MEMBER_TYPE, '') NOT IN ('', '#microsoft.graph.user', '#microsoft.graph.group')
  );

-- One row for each user and group; a user of no group has one row whose GROUP_ID is NULL.
CREATE VIEW IF NOT EXISTS INTEGRATIONS.GOLD.CURRENT_USERS_WITH_GROUPS AS
SELECT
  U.ID AS USER_ID,
  U.USER_PRINCIPAL_NAME,
  U.DISPLAY_NAME,
  U.MAIL,
  U.DEPARTMENT,
  U.JOB_TITLE,
  U.ACCOUNT_ENABLED,
  U.VALID_FROM AS CURRENT_SINCE,
  M.GROUP_ID,
  M.GROUP_NAME
FROM INTEGRATIONS.SILVER.ENTRA_USERS AS U
LEFT JOIN INTEGRATIONS.GOLD.GROUP_MEMBERS_CURRENT AS M ON M.MEMBER_ID = U.ID
WHERE U.IS_CURRENT AND U._DQ_VALID;
