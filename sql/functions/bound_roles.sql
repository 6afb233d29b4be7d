-- Login roles that are a user of a tenant on every connection (identity/bound.rs). Except for bind_role(), which does
-- to a role what its caller may, the functions belong to timedb_keeper.

-- Why a role can be nobody's connection: NULL if it can. Whoever administers, or is not bound by row security, is not
-- bound to a tenant either. identity/bound.rs asks the same of a role that has been bound already, as far as it can
-- without looking at every membership.
CREATE FUNCTION timedb_internal._role_problem(role_name text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE((
        SELECT CASE
            WHEN r.rolsuper THEN 'is a superuser'
            WHEN r.rolbypassrls THEN 'bypasses row security'
            WHEN r.rolcreaterole THEN 'may create roles'
            WHEN r.rolreplication THEN 'may replicate the cluster'
            WHEN NOT r.rolcanlogin THEN 'cannot log in'
            ELSE (
                SELECT pg_catalog.format('is a member of %s', m.rolname)
                FROM pg_catalog.pg_roles m
                WHERE (m.rolsuper OR m.rolbypassrls OR m.rolcreaterole OR m.rolreplication
                       OR m.rolname IN ('timedb_admin', 'timedb_keeper', 'timedb_definer', 'timedb_owner', 'pg_database_owner',
                                        'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'))
                  AND pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER')
                ORDER BY m.rolname LIMIT 1)
            END
        FROM pg_catalog.pg_roles r WHERE r.rolname = _role_problem.role_name),
        CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = _role_problem.role_name)
             THEN 'does not exist' END)
$$;
COMMENT ON FUNCTION timedb_internal._role_problem IS 'Why a role cannot be bound to a user, or NULL. Private.';

-- Definer (timedb_keeper): notes the binding, for bind_role().
CREATE FUNCTION timedb_internal._bind_role(role_name text, email text, access text, tenant_id uuid) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder record;
    binding timedb_internal.bound_roles%ROWTYPE;
    problem constant text := timedb_internal._role_problem(_bind_role.role_name);
    this_cluster constant bigint := (SELECT c.system_identifier FROM pg_catalog.pg_control_system() c);
    id uuid;
BEGIN
    IF _bind_role.access IS NULL OR _bind_role.access NOT IN ('read_write', 'read_only') THEN
        RAISE EXCEPTION 'invalid access "%"', COALESCE(_bind_role.access, '')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Access is read_only or read_write.';
    END IF;
    IF problem = 'does not exist' THEN
        RAISE EXCEPTION 'role "%" does not exist', COALESCE(_bind_role.role_name, '')
            USING ERRCODE = 'undefined_object', HINT = 'CREATE ROLE ... LOGIN makes one.';
    ELSIF problem IS NOT NULL THEN
        RAISE EXCEPTION 'role "%" cannot be bound to a user: it %', _bind_role.role_name, problem
            USING ERRCODE = 'invalid_role_specification',
                  HINT = 'Bind an ordinary login role that administers nothing: CREATE ROLE ... LOGIN.';
    END IF;
    SELECT * INTO STRICT holder FROM timedb_internal._find_user(_bind_role.email, _bind_role.tenant_id);
    IF NOT (SELECT u.active FROM timedb_internal.users u WHERE u.tenant_id = holder.tenant_id AND u.user_id = holder.user_id) THEN
        RAISE EXCEPTION 'user "%" is deactivated', _bind_role.email
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Call timedb.activate_user() first.';
    END IF;

    id := timedb_internal._uuid7();
    INSERT INTO timedb_internal.bound_roles (tenant_id, binding_id, user_id, role_name, role_oid, system_identifier, access)
    SELECT holder.tenant_id, id, holder.user_id, r.rolname, r.oid, this_cluster, _bind_role.access
    FROM pg_catalog.pg_roles r WHERE r.rolname = _bind_role.role_name
    ON CONFLICT ON CONSTRAINT bound_roles_role_key DO NOTHING;
    IF FOUND THEN
        INSERT INTO timedb_internal.key_usage (tenant_id, key_id) VALUES (holder.tenant_id, id);
    ELSE
        SELECT b.* INTO STRICT binding FROM timedb_internal.bound_roles b WHERE b.role_name = _bind_role.role_name FOR UPDATE;
        IF binding.tenant_id <> holder.tenant_id OR binding.user_id <> holder.user_id THEN
            RAISE EXCEPTION 'role "%" is bound to another user', _bind_role.role_name
                USING ERRCODE = 'unique_violation', HINT = 'Call timedb.unbind_role() first.';
        END IF;
        id := binding.binding_id;
        UPDATE timedb_internal.bound_roles b
        SET role_oid = r.oid, system_identifier = this_cluster, access = _bind_role.access, bound_at = pg_catalog.now()
        FROM pg_catalog.pg_roles r
        WHERE b.tenant_id = binding.tenant_id AND b.binding_id = binding.binding_id AND r.rolname = b.role_name;
    END IF;
    PERFORM timedb_internal._record_event(holder.tenant_id, 'role_bound', holder.user_id, id,
        pg_catalog.jsonb_build_object('role', _bind_role.role_name, 'access', _bind_role.access));
    RETURN id;
END
$$;
COMMENT ON FUNCTION timedb_internal._bind_role IS 'Binds a role to a user, for bind_role(). Private.';

-- As its caller: granting timedb_user and setting limits is ALTER ROLE, which timedb itself has no right to.
CREATE FUNCTION timedb.bind_role(role text, email text, access text DEFAULT 'read_only', tenant_id uuid DEFAULT NULL,
                                 statement_timeout interval DEFAULT NULL, work_mem text DEFAULT NULL,
                                 temp_file_limit text DEFAULT NULL, connection_limit integer DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id uuid;
    command text;
    commands text[] := '{}';
    database constant name := pg_catalog.current_database();
BEGIN
    IF bind_role.statement_timeout < '0'::interval THEN
        RAISE EXCEPTION 'statement_timeout must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    id := timedb_internal._bind_role(bind_role.role, bind_role.email, bind_role.access, bind_role.tenant_id);
    IF NOT pg_catalog.pg_has_role(bind_role.role, 'timedb_user', 'MEMBER')
       AND NOT pg_catalog.pg_has_role(bind_role.role, 'timedb_session', 'MEMBER') THEN
        commands := commands || pg_catalog.format('GRANT timedb_user TO %I', bind_role.role);
    END IF;
    IF bind_role.statement_timeout IS NOT NULL THEN
        commands := commands || pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = %L', bind_role.role, database,
            pg_catalog.ceil(EXTRACT(epoch FROM bind_role.statement_timeout) * 1000)::bigint::text);
    END IF;
    IF bind_role.work_mem IS NOT NULL THEN
        commands := commands || pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET work_mem = %L', bind_role.role, database, bind_role.work_mem);
    END IF;
    IF bind_role.temp_file_limit IS NOT NULL THEN
        commands := commands || pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET temp_file_limit = %L', bind_role.role, database,
            bind_role.temp_file_limit);
    END IF;
    IF bind_role.connection_limit IS NOT NULL THEN
        commands := commands || pg_catalog.format('ALTER ROLE %I CONNECTION LIMIT %s', bind_role.role, bind_role.connection_limit);
    END IF;
    FOREACH command IN ARRAY commands LOOP
        BEGIN
            EXECUTE command;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE EXCEPTION 'not permitted: %', command
                USING ERRCODE = 'insufficient_privilege',
                      HINT = 'Let somebody run it who may create roles, and then bind the role without that limit.';
        END;
    END LOOP;
    RETURN id;
END
$$;
COMMENT ON FUNCTION timedb.bind_role IS
    'For administrators. Makes a login role a user of a tenant on every connection, read_only unless access is read_write, and returns the id of the binding. Grants it timedb_user if need be, and sets the limits that are given. Binding it again changes its access. tenant_id is needed if the email exists in several tenants.';

CREATE FUNCTION timedb.unbind_role(role text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    binding timedb_internal.bound_roles%ROWTYPE;
BEGIN
    DELETE FROM timedb_internal.bound_roles b WHERE b.role_name = unbind_role.role RETURNING b.* INTO binding;
    IF NOT FOUND THEN
        PERFORM timedb_internal._commit_as_writer();
        RETURN false;
    END IF;
    -- A session of the role that has noted its use and has not ended its transaction holds the row, and must not hold up
    -- the end of its binding. What is left so goes with the next binding of the tenant that ends.
    DELETE FROM timedb_internal.key_usage u USING (
        SELECT f.key_id FROM timedb_internal.key_usage f
        WHERE f.tenant_id = binding.tenant_id
          AND NOT EXISTS (SELECT FROM timedb_internal.api_keys k WHERE k.tenant_id = f.tenant_id AND k.key_id = f.key_id)
          AND NOT EXISTS (SELECT FROM timedb_internal.bound_roles b WHERE b.tenant_id = f.tenant_id AND b.binding_id = f.key_id)
        FOR UPDATE OF f SKIP LOCKED) AS free
    WHERE u.tenant_id = binding.tenant_id AND u.key_id = free.key_id;
    PERFORM timedb_internal._record_event(binding.tenant_id, 'role_unbound', binding.user_id, binding.binding_id,
        pg_catalog.jsonb_build_object('role', binding.role_name));
    RETURN true;
END
$$;
COMMENT ON FUNCTION timedb.unbind_role IS
    'For administrators. Ends the binding of a role, from the next transaction of its sessions on. False if it was not bound.';

CREATE FUNCTION timedb.list_bound_roles(tenant_id uuid DEFAULT NULL)
    RETURNS TABLE (role text, email text, access text, status text, bound_at timestamptz, last_used_at timestamptz,
                   binding_id uuid, user_id uuid, tenant_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.role_name, u.email, b.access, s.status, b.bound_at, g.last_used_at, b.binding_id, b.user_id, b.tenant_id
    FROM timedb_internal.bound_roles b
    LEFT JOIN timedb_internal.users u ON u.tenant_id = b.tenant_id AND u.user_id = b.user_id
    LEFT JOIN timedb_internal.key_usage g ON g.tenant_id = b.tenant_id AND g.key_id = b.binding_id
    LEFT JOIN pg_catalog.pg_roles r ON r.rolname = b.role_name
    CROSS JOIN LATERAL (SELECT CASE
        WHEN r.oid IS NULL THEN 'no such role'
        WHEN b.system_identifier = (SELECT c.system_identifier FROM pg_catalog.pg_control_system() c) AND r.oid <> b.role_oid
            THEN 'another role has this name now'
        WHEN timedb_internal._role_problem(b.role_name) IS NOT NULL
            THEN pg_catalog.format('not effective: the role %s', timedb_internal._role_problem(b.role_name))
        WHEN u.active IS NOT TRUE THEN 'inactive'
        ELSE 'active' END) AS s (status)
    WHERE list_bound_roles.tenant_id IS NULL OR b.tenant_id = list_bound_roles.tenant_id
    ORDER BY b.role_name
$$;
COMMENT ON FUNCTION timedb.list_bound_roles IS
    'For administrators. Roles that are bound to users: of one tenant, or of all. status is active, inactive (the user is deactivated), or why the binding has no effect, such as "no such role" after a dump was restored. last_used_at is accurate to the minute, and knows of writes and of timedb.report_key_use().';
