#[cfg(feature = "sqlite")]
#[test]
fn conditions_are_found_whatever_is_around_them() {
    let sql = "CREATE TABLE t (\n  a TEXT CHECK (a IN ('x)', 'CHECK (1)')), -- CHECK (no)\n  \
        b INT check( b>0 ), /* CHECK (nor this) */ \"check (\" INT, CHECK ((a) <> ''))";
    assert_eq!(super::conditions(sql), ["( a in ( 'x)' , 'CHECK (1)' ) )", "( b > 0 )", "( ( a ) < > '' )"]);
    assert_eq!(super::conditions("CREATE TABLE t (a CHECK ("), ["("]);
}

#[cfg(feature = "postgres")]
#[test]
fn conditions_are_the_same_however_the_server_writes_them() {
    assert_eq!(
        super::squeezed("CHECK (((status)::text = ANY (ARRAY['active'::text, 'suspended'::text])))"),
        super::squeezed(
            "CHECK ((status = ANY ((ARRAY['active'::character varying, 'suspended'::character varying])::text[])))"
        )
    );
    assert_ne!(super::squeezed("CHECK ((failures >= 0))"), super::squeezed("CHECK ((failures > 0))"));
}
