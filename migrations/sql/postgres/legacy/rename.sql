-- The new tables, and everything that is named after them, get their names.
DO $$
DECLARE
    thing RECORD;
BEGIN
    FOR thing IN
        SELECT conname AS old, conrelid::regclass AS tab, substr(conname, 12) AS new FROM pg_constraint
        WHERE connamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
            AND starts_with(conname, '_torii_new_')
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', thing.tab, thing.old, thing.new);
    END LOOP;
    -- An index of a constraint has changed its name with it.
    FOR thing IN
        SELECT relname AS old, substr(relname, 12) AS new, relkind FROM pg_class
        WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
            AND starts_with(relname, '_torii_new_') AND relkind IN ('r', 'i', 'S')
    LOOP
        EXECUTE format('ALTER %s %I RENAME TO %I',
            CASE thing.relkind WHEN 'i' THEN 'INDEX' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, thing.old, thing.new);
    END LOOP;
END
$$;
